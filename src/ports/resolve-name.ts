/**
 * Addresses of a host, at least one.
 * @throws UpstreamFailure `unreachable`/`dns` when there is none; the signal's reason when aborted
 */
export type ResolveName = (host: string, signal: AbortSignal) => Promise<readonly string[]>
