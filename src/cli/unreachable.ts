import type { AdminAccess } from './admin-address.ts'
import { CommandFailure } from './command-failure.ts'

type Place = Pick<AdminAccess, 'url' | 'socketPath'>

/** Where a node is asked, as a person writes it. */
export const describe = ({ url, socketPath }: Place): string =>
  socketPath === undefined ? url.origin : `unix:${socketPath}`

/** Why nothing came from a node, and what to do: `unreachable`, or `denied` where its socket is not for this user. */
export function unreachable(place: Place, cause: unknown): CommandFailure {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause)
  const at = describe(place)
  if (place.socketPath !== undefined && (code === 'EACCES' || code === 'EPERM')) {
    const cure = 'root may ask there, and whoever is in the group that owns the socket'
    return new CommandFailure('denied', `${at} is not for this user (${code}); ${cure}`, cause)
  }
  if (/CERT|SIGNED|UNABLE_TO_VERIFY/.test(code)) {
    const why = reason.replace(advice, '')
    return new CommandFailure(
      'unreachable',
      `the certificate of ${at}: ${why}; ${trust(code)}`,
      cause,
    )
  }
  // What OpenSSL says of an answer that is not TLS helps nobody.
  const told = code === 'EPROTO' ? 'no TLS is spoken there' : reason
  const cure = `is it running, and is this its address?${schemeHint(place, code)}`
  return new CommandFailure('unreachable', `no node answers at ${at} (${told}); ${cure}`, cause)
}

/** What Node says for those who start Node themselves. */
const advice = /; if the root CA is installed locally.*$/

const trust = (code: string): string =>
  code === 'DEPTH_ZERO_SELF_SIGNED_CERT'
    ? 'name that certificate with --ca-file FILE, and its host as the certificate does'
    : 'name its authority with --ca-file FILE, and its host as the certificate does'

/** A server that speaks TLS alone hangs up on who does not, or answers what is no HTTP. */
function schemeHint({ url, socketPath }: Place, code: string): string {
  const mayBeTls = url.protocol === 'http:' && socketPath === undefined
  if (!mayBeTls || !/^(ECONNRESET|HPE_)/.test(code)) return ''
  return ` Where it has admin.tls, write https://${url.host}`
}
