/**
 * A node has little memory and lives long. The young generation stays at its first megabyte: grown to its usual 32 it holds as many dead
 * network buffers, which costs 10 MB idle and 40 under load, and pulls through are slower, as no buffer is met again in the processor's
 * cache. The old one grows by six tenths, not by as much as V8 likes: many megabytes less after a burst of pulls. With a tenth, 8 MB less yet, small
 * images cost a third more processor: every few megabytes of dead buffers start a marking of all that lives. (`--optimize-for-size` does both,
 * and costs a fifth more processor a request.) The HTTP client's parser is WebAssembly; to optimize it costs 7 MB and gains nothing.
 * `--expose-gc` lets the peer port collect the young generation during a transfer (`adapters/peer-http/collect-young`). `bench/` shows all
 * of it. Threads inherit this.
 */
export const memoryFlags: readonly string[] = [
  '--max-semi-space-size=1',
  '--heap-growing-percent=60',
  '--expose-gc',
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
]

/**
 * What takes effect only when a process starts. Threads start without Node's snapshot, so the main one may do so as well: it is 5 MB that
 * are read once. V8 copies its builtins for each thread to have them near the compiled code, 2 MB each.
 */
export const startFlags: readonly string[] = ['--no-node-snapshot', '--no-short-builtin-calls']
