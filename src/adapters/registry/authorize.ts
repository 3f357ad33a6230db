import type { EndpointSettings } from './settings.ts'

/** Finds and keeps what an endpoint wants to see in `Authorization`. */
export interface Authorizer {
  /**
   * The header for this scope if one is known: Basic, a fixed token, or a token fetched before. `undefined`: ask without.
   * @param scope `repository:NAME:pull` with the name as this endpoint knows it, or `''` for the base request
   */
  header(endpoint: EndpointSettings, scope: string): Promise<string | undefined>
  /**
   * Answers a 401: the token dance, one per endpoint and scope at a time. Returns the header to retry with, or `undefined` when denied.
   * @param challenges the answer's `WWW-Authenticate` headers
   * @throws UpstreamFailure `unreachable` with reason `token` when the token host itself fails; the signal's reason when aborted
   */
  answer(
    endpoint: EndpointSettings,
    scope: string,
    challenges: string | readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined>
  /** Drops what is kept for this scope (it was refused). */
  forget(endpoint: EndpointSettings, scope: string): void
}
