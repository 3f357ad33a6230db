import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'

/** A certificate and its key, PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface Wanted {
  /** Names and IPv4 addresses; the first is the common name. */
  readonly hosts: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
}

export interface Authority {
  /** The authority's own certificate, PEM. */
  readonly cert: string
  issue(wanted: Wanted): Certificate
}

const dayMs = 86_400_000

/** A certificate authority for one test, P-256 throughout. */
export function makeAuthority(name = 'test authority'): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = commonName(name)

  function certify(subject: Buffer, publicKey: KeyObject, wanted: Wanted, isAuthority: boolean) {
    const now = Date.now()
    const from = wanted.notBefore ?? new Date(now - dayMs)
    const until = wanted.notAfter ?? new Date(now + dayMs)
    const toBeSigned = sequence(
      explicit(0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
      ecdsaWithSha256,
      issuer,
      sequence(time(from), time(until)),
      subject,
      publicKey.export({ type: 'spki', format: 'der' }),
      explicit(3, sequence(...(isAuthority ? [authorityConstraint] : [names(wanted.hosts)]))),
    )
    const signature = sign('sha256', toBeSigned, keys.privateKey)
    return pem(sequence(toBeSigned, ecdsaWithSha256, tagged(3, Buffer.from([0]), signature)))
  }

  function issue(wanted: Wanted): Certificate {
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const cert = certify(commonName(wanted.hosts[0] ?? 'nobody'), own.publicKey, wanted, false)
    return { cert, key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
  }

  return { cert: certify(issuer, keys.publicKey, { hosts: [] }, true), issue }
}

// DER, https://www.itu.int/rec/T-REC-X.690, and certificates, https://www.rfc-editor.org/rfc/rfc5280
function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, ...parts)
}

function explicit(number: number, content: Buffer): Buffer {
  return tagged(0xa0 | number, content)
}

function integer(bytes: Buffer): Buffer {
  return tagged(2, bytes)
}

function oid(hex: string): Buffer {
  return tagged(6, Buffer.from(hex, 'hex'))
}

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const authorityConstraint = sequence(
  oid('551d13'),
  tagged(1, Buffer.from([0xff])),
  tagged(4, sequence(tagged(1, Buffer.from([0xff])))),
)

function commonName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(oid('550403'), tagged(0x0c, Buffer.from(name)))))
}

function names(hosts: readonly string[]): Buffer {
  const entries = hosts.map(host =>
    isIPv4(host)
      ? tagged(0x87, Buffer.from(host.split('.').map(Number)))
      : tagged(0x82, Buffer.from(host)),
  )
  return sequence(oid('551d11'), tagged(4, sequence(...entries)))
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  const isUtc = date.getUTCFullYear() < 2050
  return tagged(isUtc ? 0x17 : 0x18, Buffer.from(isUtc ? digits.slice(2) : digits))
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
