/**
 * The first value of a query parameter, decoded; `undefined` when there is none. A value that is badly encoded is given as it stands:
 * its `%` makes it invalid wherever we read one, which is the right answer for it.
 */
export function queryValue(query: string, name: string): string | undefined {
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    const key = equals < 0 ? part : part.slice(0, equals)
    if (key === name) return decode(equals < 0 ? '' : part.slice(equals + 1))
  }
  return undefined
}

function decode(text: string): string {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
