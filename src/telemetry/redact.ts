import { HoldfastError, UpstreamFailure } from '../ports/errors.ts'
import type { LogFields } from '../ports/log.ts'

/** What stands in a line where a credential stood. */
const censored = '***'

/** How deep fields are looked into; what lies deeper is left out. */
const maxDepth = 6

/** Names under which credentials travel: headers, configuration keys, fields of Docker's and of token answers. */
const secretNames: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'www-authenticate',
  'cookie',
  'set-cookie',
  'holdfast-token',
  'x-registry-auth',
  'auth',
  'auths',
  'token',
  'access_token',
  'accesstoken',
  'refresh_token',
  'refreshtoken',
  'identitytoken',
  'registrytoken',
  'id_token',
  'password',
  'passwd',
  'secret',
  'clientsecret',
  'client_secret',
  'credential',
  'credentials',
])

/**
 * Takes credentials out of the fields of a log line, whatever part of the program wrote it: values under telling names, and in every
 * text the user part of URLs, signed or token query parameters, and what follows `Basic` and `Bearer`. Fields that have none are
 * returned as they are.
 */
export function redactFields(fields: LogFields): LogFields {
  return redactObject(fields, 0)
}

/** Takes credentials out of a text. */
export function redactText(text: string): string {
  if (!mayHoldCredentials(text)) return text
  return text
    .replace(urlUser, `$1${censored}@`)
    .replace(secretParameter, `$1${censored}`)
    .replace(schemeCredentials, `$1 ${censored}`)
    .replace(jsonSecret, `$1"${censored}"`)
}

/** Cheap, because nearly every text of nearly every line passes here. */
const mayHoldCredentials = (text: string): boolean =>
  text.includes('://') || text.includes('=') || text.includes('":') || /basic |bearer /i.test(text)

const urlUser = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi
const secretParameter =
  /((?:^|[?&;\s])(?:[\w.-]*(?:token|secret|passw|signature|credential|key)[\w.-]*|sig|auth|authorization|code)=)[^&;\s"'<>#]+/gi
// Words such as "no bearer challenge" stay: what follows must look like a credential.
const schemeCredentials =
  /\b([Bb]asic|[Bb]earer|BASIC|BEARER)\s+(?=[\w+/.~=-]*[A-Z0-9=])[\w+/.~-]{3,}=*/g
const jsonSecret =
  /("(?:[\w-]*token|password|secret|auth|authorization)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi

function redactObject(object: object, depth: number): Record<string, unknown> {
  const original = object as Record<string, unknown>
  let clean = original
  for (const name of Object.keys(original)) {
    const value = original[name]
    const shown = isSecret(name, value) ? censored : redactValue(value, depth)
    if (shown === value) continue
    if (clean === original) clean = { ...original }
    clean[name] = shown
  }
  return clean
}

/** A name tells a secret only of what can hold one: `token: true` says that there is one. */
const isSecret = (name: string, value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  typeof value !== 'boolean' &&
  typeof value !== 'number' &&
  secretNames.has(name.toLowerCase())

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return '…'
  if (value instanceof Error) return redactError(value, depth)
  if (value instanceof URL) return redactText(value.href)
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (Array.isArray(value)) return redactList(value, depth)
  // A Map or Headers; the global of that name is not touched, as that loads node's whole fetch.
  if (isEntries(value)) return redactObject(Object.fromEntries(value.entries()), depth + 1)
  return redactObject(value, depth + 1)
}

function isEntries(value: object): value is { entries(): Iterable<readonly [string, unknown]> } {
  return Symbol.iterator in value && 'entries' in value && typeof value.entries === 'function'
}

function redactList(list: readonly unknown[], depth: number): readonly unknown[] {
  const clean = list.map(one => redactValue(one, depth + 1))
  return clean.every((one, at) => one === list[at]) ? list : clean
}

/**
 * What a line tells of an error: itself, its code and what caused it. Failures that belong to the outside world (an uplink that is
 * gone, a full disk) have no stack, and neither have the system's errors behind them: where in the program they came up tells nobody
 * anything, and the log of a long outage would be made of it.
 */
function redactError(error: Error, depth: number, isBehindFailure = false): object {
  const { name, message, stack, cause, ...rest } = error
  const isOutside = isFailure(error) || (isBehindFailure && 'code' in error)
  const below = depth + 1
  return {
    ...redactObject(rest, below),
    type: name,
    message: redactText(message),
    ...(isOutside || stack === undefined ? {} : { stack: redactText(stack) }),
    ...(cause === undefined ? {} : { cause: redactCause(cause, below, isOutside) }),
  }
}

const isFailure = (error: Error): boolean =>
  error instanceof UpstreamFailure || error instanceof HoldfastError

const redactCause = (cause: unknown, depth: number, isBehindFailure: boolean): unknown =>
  cause instanceof Error && depth < maxDepth
    ? redactError(cause, depth, isBehindFailure)
    : redactValue(cause, depth)
