import { isIP } from 'node:net'
import { type TSchemaOptions, type TUnsafe, Type } from 'typebox'
import { OciError } from '../oci/errors.ts'
import { type Platform, parsePlatform } from '../oci/platform.ts'
import { formatReference, parseReference } from '../oci/reference.ts'
import { isPatternFault, parseImagePattern } from './image-pattern.ts'
import { type ListenAddress, type Place, parseListen, parsePlace } from './listen.ts'
import {
  durationPattern,
  parseDuration,
  parseShare,
  parseSize,
  sharePattern,
  sizePattern,
} from './quantity.ts'
import { isRecurrenceFault, isTimeZone, parseRecurrence } from './recurrence.ts'

/** Room to leave free: bytes, or a share of the file system in percent. */
export type FreeSpace = number | { readonly percent: number }

/** What a text or number from outside turned out to be. */
export type KindResult =
  | { readonly value: unknown }
  | { readonly problem: string; readonly cure?: string | undefined }

/** A kind of value that plain JSON Schema cannot read: how it is written, and how it becomes what the program uses. */
export interface Kind {
  /** What JSON Schema can say about the writing. */
  readonly schema: object
  read(written: string | number): KindResult
}

const expect = <T>(value: T | undefined, problem: string, cure: string): KindResult =>
  value === undefined ? { problem, cure } : { value }

const sizeOrShare = (written: string | number): FreeSpace | undefined => {
  const percent = parseShare(written)
  return percent === undefined ? parseSize(written) : { percent }
}

/** Every kind by its name, which a schema carries as `x-kind`. */
export const kinds = {
  size: {
    schema: { type: ['integer', 'string'], minimum: 0, pattern: sizePattern },
    read: written =>
      expect(parseSize(written), 'is no size', 'write bytes, or a unit as in 20GiB or 500MB'),
  },
  freeSpace: {
    schema: {
      type: ['integer', 'string'],
      minimum: 0,
      pattern: `${sharePattern}|${sizePattern}`,
    },
    read: written =>
      expect(sizeOrShare(written), 'is neither a size nor a share', 'write 10GiB or 20%'),
  },
  duration: {
    schema: { type: 'string', pattern: durationPattern },
    read: written =>
      expect(parseDuration(written), 'is no duration with a unit', 'write 30s, 10m, 12h or 7d'),
  },
  listen: {
    schema: { type: 'string', pattern: '^.+:[0-9]{1,5}$' },
    read: written =>
      expect(
        parseListen(String(written)),
        'is no address to listen on',
        'write host:port, as in 127.0.0.1:5050, 0.0.0.0:5050 or [::1]:5050; port 0 takes any free one',
      ),
  },
  place: {
    schema: { type: 'string', minLength: 1 },
    read: written =>
      expect(
        parsePlace(String(written)),
        'is no address of a node',
        'write 10.0.0.11:5053, node2.lan:5053 or [fd00::1]:5053; without a port that of mesh.listen is meant',
      ),
  },
  endpointUrl: {
    schema: { type: 'string', pattern: '^https?://' },
    read: written => readUrl(String(written)),
  },
  proxyUrl: {
    schema: { type: 'string', pattern: '^(https?://.*)?$' },
    read: written => readProxy(String(written)),
  },
  platform: {
    schema: { type: 'string', pattern: '^[^/]+/[^/]+(/[^/]+)?$' },
    read: written =>
      expect(
        parsePlatform(String(written)),
        'is no platform',
        'write os/architecture, as in linux/amd64 or linux/arm/v7',
      ),
  },
  path: {
    schema: { type: 'string', minLength: 1 },
    read: written => ({ value: String(written) }),
  },
  network: {
    schema: { type: 'string', minLength: 2 },
    read: written =>
      expect(
        networkOf(String(written)),
        'is neither an IP address nor a network',
        'write 10.0.0.7 or 10.0.0.0/8',
      ),
  },
  image: {
    schema: { type: 'string', minLength: 1 },
    read: written => readImage(String(written)),
  },
  cron: {
    schema: { type: 'string', minLength: 1 },
    read: written => {
      const times = parseRecurrence(String(written))
      return isRecurrenceFault(times) ? times : { value: String(written) }
    },
  },
  timeZone: {
    schema: { type: 'string', minLength: 1 },
    read: written =>
      expect(
        isTimeZone(String(written)) ? String(written) : undefined,
        'is no time zone',
        'write one like UTC or Europe/Berlin',
      ),
  },
  imagePattern: {
    schema: { type: 'string', minLength: 1 },
    read: written => {
      const pattern = parseImagePattern(String(written))
      return isPatternFault(pattern) ? pattern : { value: pattern.text }
    },
  },
} satisfies Record<string, Kind>

/** Name of a {@link Kind}. */
export type KindName = keyof typeof kinds

interface KindValues {
  readonly size: number
  readonly freeSpace: FreeSpace
  readonly duration: number
  readonly listen: ListenAddress
  readonly place: Place
  readonly endpointUrl: string
  readonly proxyUrl: string
  readonly platform: Platform
  readonly path: string
  readonly network: string
  readonly image: string
  readonly cron: string
  readonly timeZone: string
  readonly imagePattern: string
}

/** A schema whose static type is what the kind reads to, not what is written. */
export function ofKind<K extends KindName>(
  name: K,
  options: { readonly description: string } & TSchemaOptions,
): TUnsafe<KindValues[K]> {
  return Type.Unsafe<KindValues[K]>({ ...kinds[name].schema, 'x-kind': name, ...options })
}

function readUrl(text: string): KindResult {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || !/^https?:\/\//.test(text)) {
    return { problem: 'is no http:// or https:// URL', cure: 'write https://registry.example' }
  }
  if (url.username !== '' || url.password !== '') {
    return {
      problem: 'carries credentials',
      cure: 'write them under auth: { username, passwordFile }',
    }
  }
  if (url.search !== '' || url.hash !== '') return { problem: 'carries a query or fragment' }
  return { value: text.replace(/\/+$/, '') }
}

function readImage(text: string): KindResult {
  try {
    return { value: formatReference(parseReference(text)) }
  } catch (error) {
    if (!(error instanceof OciError)) throw error
    return { problem: `is no image: ${error.message}`, cure: 'write docker.io/library/nginx:1.27' }
  }
}

function readProxy(text: string): KindResult {
  if (text === '') return { value: '' }
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol)
    ? { value: text }
    : {
        problem: 'is no http:// or https:// URL of a proxy',
        cure: "write http://proxy:3128, or '' for none",
      }
}

function networkOf(text: string): string | undefined {
  const [address = '', prefix, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return undefined
  if (prefix === undefined) return text
  const bits = /^[0-9]{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  return bits <= (family === 4 ? 32 : 128) ? text : undefined
}
