/** Words of pino's levels, padded to one width, with their colour (SGR code). */
const levels: Readonly<Record<number, readonly [string, number]>> = {
  20: ['DEBUG', 36],
  30: ['INFO ', 32],
  40: ['WARN ', 33],
  50: ['ERROR', 31],
}

/**
 * Turns one JSON line of the log into one for people: time, level, message, fields; an error's stack on lines of its own. What is no
 * JSON is given as it came.
 */
export function prettyLine(line: string, { colours }: { readonly colours: boolean }): string {
  const entry = parse(line)
  if (entry === undefined) return line
  const { level, time, msg, err, ...fields } = entry
  const [word, colour] = levels[Number(level)] ?? [String(level), 0]
  const paint = (text: string, code: number): string =>
    colours ? `\u001b[${code}m${text}\u001b[0m` : text
  const parts = [
    paint(clockTime(Number(time)), 90),
    paint(word, colour),
    String(msg),
    ...Object.entries(fields).map(([name, value]) => `${paint(`${name}=`, 90)}${show(value)}`),
  ]
  return `${parts.join(' ')}${showError(err)}\n`
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function clockTime(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.valueOf()) ? '-' : date.toISOString().slice(11, 23)
}

/** Bare where it can be, quoted where a space would tear it apart. */
function show(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

function showError(err: unknown): string {
  if (err === undefined) return ''
  if (typeof err !== 'object' || err === null) return ` err=${show(err)}`
  const { stack, message, cause, type, code } = err as Record<string, unknown>
  const head = typeof stack === 'string' ? stack : `${String(type ?? 'Error')}: ${String(message)}`
  const coded = code === undefined ? '' : ` [${String(code)}]`
  const below = cause === undefined ? '' : `\n  caused by:${showError(cause)}`
  return `\n    ${head.replaceAll('\n', '\n    ')}${coded}${below}`
}
