/** A place that knows where other nodes listen. */
export interface SeedSource {
  readonly name: 'static' | 'dns' | 'mdns' | 'kubernetes'
  /** `address:port` of mesh listeners, names resolved. Rejects when it cannot be asked now; it is asked again. */
  find(signal: AbortSignal): Promise<readonly string[]>
  /** Names among what is written down that did not resolve the last time. */
  unresolved?(): readonly string[]
}
