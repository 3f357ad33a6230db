/** After so many bytes received, the buffers that brought them are collected. */
const everyBytes = 1024 * 1024

/**
 * Makes what counts the bytes of all connections and has V8 collect its young generation now and then. V8 does that by itself when its own
 * objects fill it; the buffers of a transfer lie outside of it and only count against the old generation, so that a few megabytes of dead
 * ones start a marking of all that lives.
 *
 * @param collect absent in a process that was started without `--expose-gc`: then nothing is done
 */
export function createYoungCollector(
  collect: NodeJS.GCFunction | undefined = globalThis.gc,
): (receivedBytes: number) => void {
  let sinceBytes = 0
  return receivedBytes => {
    sinceBytes += receivedBytes
    if (sinceBytes < everyBytes) return
    sinceBytes = 0
    collect?.({ type: 'minor', execution: 'sync' })
  }
}
