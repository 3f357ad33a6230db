const sizeUnits: Readonly<Record<string, number>> = {
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  ki: 2 ** 10,
  kib: 2 ** 10,
  mi: 2 ** 20,
  mib: 2 ** 20,
  gi: 2 ** 30,
  gib: 2 ** 30,
  ti: 2 ** 40,
  tib: 2 ** 40,
}

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1e3,
  m: 60e3,
  h: 3_600e3,
  d: 86_400e3,
}

/** Texts that {@link parseSize} reads, for the JSON Schema. */
export const sizePattern = '^[0-9]+(\\.[0-9]+)? ?([kKmMgGtT]?[iI]?[bB]|[kKmMgGtT][iI]?)?$'

/** Texts that {@link parseDuration} reads, for the JSON Schema. */
export const durationPattern = '^[0-9]+(\\.[0-9]+)? ?(ms|s|m|h|d)$'

/** Texts that {@link parseShare} reads, for the JSON Schema. */
export const sharePattern = '^[0-9]+(\\.[0-9]+)? ?%$'

/** Bytes. `20GiB`, `20Gi`, `500MB`, `1.5g`, `1024`; binary with an `i`, decimal without, as Kubernetes has it. */
export function parseSize(value: string | number): number | undefined {
  return parseQuantity(value, sizeUnits, 1, 'i')
}

/** Milliseconds. `500ms`, `30s`, `10m`, `12h`, `7d`; a bare number is refused, for nobody could tell its unit. */
export function parseDuration(value: string | number): number | undefined {
  return typeof value === 'number' ? undefined : parseQuantity(value, durationUnits, undefined, '')
}

/** Percent, above 0 and below 100, as in `20%`. */
export function parseShare(value: string | number): number | undefined {
  if (typeof value !== 'string' || !new RegExp(sharePattern).test(value)) return undefined
  const percent = Number.parseFloat(value)
  return percent > 0 && percent < 100 ? percent : undefined
}

function parseQuantity(
  value: string | number,
  units: Readonly<Record<string, number>>,
  bareUnit: number | undefined,
  flags: string,
): number | undefined {
  const [, digits, unit = ''] = /^([0-9]+(?:\.[0-9]+)?) ?([a-z]*)$/i.exec(String(value)) ?? []
  const name = flags.includes('i') ? unit.toLowerCase() : unit
  const factor = name === '' ? bareUnit : Object.hasOwn(units, name) ? units[name] : undefined
  if (digits === undefined || factor === undefined) return undefined
  const amount = Math.round(Number(digits) * factor)
  return Number.isSafeInteger(amount) ? amount : undefined
}
