import { randomUUID } from 'node:crypto'
import { type Answer, type Asked, ociError } from './registry-contents.ts'

/** How a scripted registry wants to be asked. */
export interface RegistryAuth {
  readonly kind: 'bearer' | 'basic'
  readonly username?: string
  readonly password?: string
  /** Bearer: whether a token is given to whoever asks without credentials. Default: only when no username is set. */
  readonly anonymous?: boolean
  /** Bearer: repositories that an anonymous token does not open. */
  readonly isPrivate?: (repository: string) => boolean
  /** Bearer: URL of the token endpoint; default: `/token` of this registry. */
  readonly realm?: string
  /** Bearer: lifetime of tokens in seconds; 300 when not given. */
  readonly expiresInSeconds?: number
  /** Bearer: the field of the token answer. */
  readonly field?: 'token' | 'access_token'
  /** Whether `/v2/` asks for credentials too, as most do. Default true. */
  readonly challengePing?: boolean
}

interface Token {
  readonly scopes: ReadonlySet<string>
  readonly isAnonymous: boolean
  readonly untilMs: number
}

function basicUser(header: string | undefined): { name: string; password: string } | undefined {
  const found = /^Basic (.+)$/i.exec(header ?? '')
  if (!found?.[1]) return undefined
  const [name = '', ...rest] = Buffer.from(found[1], 'base64').toString().split(':')
  return { name, password: rest.join(':') }
}

/** Guards a scripted registry and plays its token endpoint. */
export function createAuth(auth: RegistryAuth, ownUrl: () => string) {
  const tokens = new Map<string, Token>()
  const isAnonymousAllowed = auth.anonymous ?? auth.username === undefined

  function isUser(header: string | undefined): boolean {
    const user = basicUser(header)
    return user !== undefined && user.name === auth.username && user.password === auth.password
  }

  function challenge(asked: Asked): Answer {
    const refused = ociError(401, 'UNAUTHORIZED', 'authentication required')
    refused.headers['www-authenticate'] =
      auth.kind === 'basic'
        ? 'Basic realm="scripted registry"'
        : bearerChallenge(auth.realm ?? `${ownUrl()}/token`, asked.repository)
    return refused
  }

  function isTokenGood(header: string | undefined, asked: Asked): boolean {
    const token = tokens.get(/^Bearer (.+)$/i.exec(header ?? '')?.[1] ?? '')
    if (!token || token.untilMs < Date.now()) return false
    if (asked.repository === '') return true
    if (token.isAnonymous && auth.isPrivate?.(asked.repository)) return false
    return token.scopes.has(`repository:${asked.repository}:pull`)
  }

  return {
    /** The 401 for a request that may not pass, or nothing. */
    check(asked: Asked, header: string | undefined): Answer | undefined {
      if (asked.kind === 'token' || asked.kind === 'other') return undefined
      if (asked.kind === 'ping' && auth.challengePing === false) return undefined
      const isGood = auth.kind === 'basic' ? isUser(header) : isTokenGood(header, asked)
      return isGood ? undefined : challenge(asked)
    },
    /** Answers `/token`. */
    issue(url: URL, header: string | undefined): Answer {
      const isAnonymous = header === undefined
      if (isAnonymous ? !isAnonymousAllowed : !isUser(header)) {
        return ociError(401, 'UNAUTHORIZED', 'wrong user name or password')
      }
      const token = randomUUID()
      const lifeSeconds = auth.expiresInSeconds ?? 300
      tokens.set(token, {
        scopes: new Set(url.searchParams.getAll('scope').flatMap(scope => scope.split(' '))),
        isAnonymous,
        untilMs: Date.now() + lifeSeconds * 1000,
      })
      const body = { [auth.field ?? 'token']: token, expires_in: lifeSeconds }
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify(body)),
      }
    },
    /** Makes every token given so far worthless. */
    revoke(): void {
      tokens.clear()
    },
  }
}

function bearerChallenge(realm: string, repository: string): string {
  const scope = repository === '' ? '' : `,scope="repository:${repository}:pull"`
  return `Bearer realm="${realm}",service="scripted"${scope}`
}
