/** One way to authenticate that a 401 offers. */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * Reads `WWW-Authenticate` headers (RFC 9110 section 11.6.1): several headers, several challenges in one, quoted or bare values.
 * Forgiving: an unclosed quote ends with the header, stray commas are skipped, what cannot be read is left out.
 */
export function parseChallenges(headers: string | readonly string[] | undefined): Challenge[] {
  const list = headers === undefined ? [] : typeof headers === 'string' ? [headers] : headers
  return list.flatMap(parseHeader)
}

const separators = /[\s,]*/y
const word = /[^\s,="]+/y
const equals = /[ \t]*=[ \t]*/y
const quoted = /"((?:[^"\\]|\\.)*)(?:"|$)/y
const bare = /[^\s,"]*/y
// `Negotiate YII=`: one lump of base64 in the place of parameters.
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y

function parseHeader(text: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = []
  let at = 0

  function take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = at
    const match = pattern.exec(text) ?? undefined
    if (match !== undefined) at = pattern.lastIndex
    return match
  }

  while (at < text.length) {
    take(separators)
    const name = take(word)?.[0]
    if (name === undefined) {
      at += 1
      continue
    }
    if (take(equals) === undefined) {
      found.push({ scheme: name.toLowerCase(), parameters: {} })
      take(/[ \t]+/y)
      skipToken68()
      continue
    }
    const value = take(quoted)?.[1]?.replace(/\\(.)/g, '$1') ?? take(bare)?.[0] ?? ''
    const last = found.at(-1)
    // The first of two equal names counts, as for headers.
    if (last !== undefined) last.parameters[name.toLowerCase()] ??= value
  }
  return found

  function skipToken68() {
    token68.lastIndex = at
    const lump = token68.exec(text)?.[0]
    // A lone word without padding is the next scheme, unless it stands right before a comma or the end.
    if (lump?.endsWith('=')) at = token68.lastIndex
  }
}
