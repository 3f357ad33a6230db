import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import { abortable, type Limit, withLimit } from './abortable.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import { basicHeader, type Credential, type FindCredential } from './credential.ts'
import { mayHaveCredentials, type Realm, realmOf } from './realm.ts'
import type { EndpointSettings } from './settings.ts'
import { askForToken } from './token-host.ts'
import type { Transport } from './transport.ts'

/** Finds and keeps what an endpoint wants to see in `Authorization`. */
export interface Authorizer {
  /**
   * The header for this scope if one is known: Basic, a fixed token, or a token. Where the endpoint has named its token host before,
   * a token is fetched for a new scope too, which spares the question that would only be refused. `undefined`: ask without.
   * @throws as `answer`
   * @param scope `repository:NAME:pull` with the name as this endpoint knows it, or `''` for the base request
   */
  header(
    endpoint: EndpointSettings,
    scope: string,
    signal?: AbortSignal | undefined,
  ): Promise<string | undefined>
  /**
   * Answers a 401: the token dance, one per endpoint and scope at a time unless it is slow. Returns the header to retry with, or `undefined` when denied.
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

/** How an endpoint wants to be asked, learned from its challenges. */
type Custom =
  | { readonly kind: 'basic' }
  | {
      readonly kind: 'bearer'
      readonly realm: Realm
      /** Its scopes are not named as the specification does: only a challenge can tell them. */
      readonly hasOwnScopes: boolean
    }

interface KeptToken {
  readonly header: string
  /** From then on it is still sent, and a new one is fetched behind it. */
  readonly refreshAtMs: number
  readonly untilMs: number
}

interface Dance {
  readonly endpoint: EndpointSettings
  readonly scope: string
  readonly realm: Realm
  /** As the challenge wrote it. */
  readonly wantedScope: string
}

const maxKept = 2_000
const refreshAfterShare = 0.75
// The request itself takes time: a token is not sent in its last moments.
const sendableShare = 0.95
const maxLastMomentsMs = 2_000

/** An older dance is joined by nobody, ms: its connection may have gone with an outage that is over. */
const joinableMs = 2_000

/** Makes the authorizer. It warns, once a realm, when credentials are withheld from a foreign token host. */
export function createAuthorizer(needs: {
  readonly transport: Pick<Transport, 'request'>
  readonly findCredential: FindCredential
  readonly clock: Clock
  readonly log: Log
}): Authorizer & { close(): Promise<void> } {
  const { transport, findCredential, clock, log } = needs
  const customs = new LRUCache<string, Custom>({ max: maxKept })
  const tokens = new LRUCache<string, KeptToken>({ max: maxKept })
  const wantedScopes = new LRUCache<string, string>({ max: maxKept })
  const warned = new LRUCache<string, true>({ max: maxKept })
  const flights = new Map<
    string,
    { readonly header: Promise<string | undefined>; sinceMs: number }
  >()
  const dances = new Set<Promise<unknown>>()
  const closed = new AbortController()

  async function credentialFor({ endpoint, realm }: Dance) {
    const credential = await findCredential(endpoint)
    if (credential === undefined || credential.kind === 'bearer') return undefined
    if (mayHaveCredentials(realm.url, endpoint)) return credential
    const key = `${endpoint.url} ${realm.url.origin}`
    if (!warned.has(key)) {
      warned.set(key, true)
      const fields = {
        registry: endpoint.registry,
        endpoint: endpoint.url,
        realm: realm.url.origin,
      }
      log.warn(
        fields,
        "credentials are not sent to a foreign token host: list it in the upstream's realms, or use https",
      )
    }
    return undefined
  }

  async function fetchToken(dance: Dance, isAside: boolean): Promise<string | undefined> {
    const { endpoint, scope, realm, wantedScope } = dance
    const credential = await credentialFor(dance)
    const question = {
      endpoint,
      realm: realm.url,
      service: realm.service,
      scope: wantedScope,
      credential,
      isAside,
    }
    const got = await withLimit(limitOf(endpoint, closed.signal), signal =>
      askForToken(transport, question, signal),
    ).catch(error => {
      // Perhaps it is no longer the host to ask, or never was (a portal named it): the endpoint is asked what it wants before it is again.
      customs.delete(keyOf(endpoint))
      throw error
    })
    if (got === undefined) return undefined
    const now = clock.monotonicMs()
    const lastMomentsMs = Math.min(maxLastMomentsMs, got.lifeMs * (1 - sendableShare))
    const header = `Bearer ${got.token}`
    tokens.set(keyOf(endpoint, scope), {
      header,
      refreshAtMs: now + got.lifeMs * refreshAfterShare,
      untilMs: now + got.lifeMs - lastMomentsMs,
    })
    return header
  }

  function danceOnce(dance: Dance): Promise<string | undefined> {
    const key = keyOf(dance.endpoint, dance.scope)
    const running = flights.get(key)
    const sinceMs = clock.monotonicMs()
    if (running !== undefined && sinceMs - running.sinceMs < joinableMs) return running.header
    const header = fetchToken(dance, running !== undefined).finally(() => {
      dances.delete(header)
      if (flights.get(key)?.header === header) flights.delete(key)
    })
    dances.add(header)
    flights.set(key, { header, sinceMs })
    return header
  }

  function refreshBehind(dance: Dance): void {
    danceOnce(dance).catch(err => {
      log.debug({ registry: dance.endpoint.registry, scope: dance.scope, err }, 'no new token yet')
    })
  }

  async function bearerHeader(
    endpoint: EndpointSettings,
    scope: string,
    custom: Extract<Custom, { kind: 'bearer' }>,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const key = keyOf(endpoint, scope)
    const kept = tokens.get(key)
    const wantedScope = wantedScopes.get(key) ?? scope
    const dance = { endpoint, scope, realm: custom.realm, wantedScope }
    const now = clock.monotonicMs()
    if (kept !== undefined && now < kept.untilMs) {
      if (now >= kept.refreshAtMs) refreshBehind(dance)
      return kept.header
    }
    if (custom.hasOwnScopes && !wantedScopes.has(key)) return undefined
    return abortable(danceOnce(dance), signal)
  }

  async function header(
    endpoint: EndpointSettings,
    scope: string,
    signal: AbortSignal = closed.signal,
  ): Promise<string | undefined> {
    const credential = await findCredential(endpoint)
    if (credential?.kind === 'bearer') return `Bearer ${credential.token}`
    const custom = customs.get(keyOf(endpoint))
    if (custom?.kind === 'basic') return basicOf(credential)
    return custom === undefined ? undefined : bearerHeader(endpoint, scope, custom, signal)
  }

  async function answerBearer(
    endpoint: EndpointSettings,
    scope: string,
    challenge: Challenge,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const realm = realmOf(challenge, endpoint)
    if (realm === undefined) return undefined
    const { scope: wantedScope = scope } = challenge.parameters
    const custom = customs.get(keyOf(endpoint))
    const hadOwnScopes = custom?.kind === 'bearer' && custom.hasOwnScopes
    const hasOwnScopes = hadOwnScopes || (scope !== '' && wantedScope !== scope)
    customs.set(keyOf(endpoint), { kind: 'bearer', realm, hasOwnScopes })
    wantedScopes.set(keyOf(endpoint, scope), wantedScope)
    return abortable(danceOnce({ endpoint, scope, realm, wantedScope }), signal)
  }

  async function answer(
    endpoint: EndpointSettings,
    scope: string,
    challenges: string | readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    signal.throwIfAborted()
    const credential = await findCredential(endpoint)
    // A fixed token was sent with the question that was refused: there is nothing else to try.
    if (credential?.kind === 'bearer') return undefined
    const offered = parseChallenges(challenges)
    const bearer = offered.find(({ scheme }) => scheme === 'bearer')
    const token = bearer && (await answerBearer(endpoint, scope, bearer, signal))
    if (token !== undefined) return token
    const basic = basicOf(credential)
    if (basic === undefined || !offered.some(({ scheme }) => scheme === 'basic')) return undefined
    customs.set(keyOf(endpoint), { kind: 'basic' })
    return basic
  }

  return {
    header,
    answer,
    forget: (endpoint, scope) => void tokens.delete(keyOf(endpoint, scope)),
    async close() {
      closed.abort(new Error('the authorizer was closed'))
      await Promise.allSettled(dances)
    },
  }
}

function basicOf(credential: Credential | undefined): string | undefined {
  return credential?.kind === 'basic'
    ? basicHeader(credential.username, credential.password)
    : undefined
}

function keyOf({ registry, url }: EndpointSettings, scope?: string): string {
  return JSON.stringify([registry, url, scope])
}

/** The transport bounds a connection, headers and each stall; this bounds a token that comes one byte at a time. */
function limitOf({ registry, timeouts }: EndpointSettings, signal: AbortSignal): Limit {
  const ms = timeouts.connectMs + timeouts.headersMs + timeouts.stallMs
  const message = `no token for ${registry} within ${ms} ms`
  return { signal, ms, reason: () => new UpstreamFailure('unreachable', 'token', message) }
}
