import { createTurns } from '../../ports/turns.ts'
import { QueryFault } from './read-query.ts'

/** Of a list so many bytes are parsed at once: that takes about a millisecond. */
const pieceBytes = 64 * 1024

/**
 * Parses JSON of many bytes as `JSON.parse` does. The lists that are the object's own are parsed some entries at a time, and others of this
 * thread have their turn in between. Throws {@link QueryFault}.
 */
export async function parseLargeJson(body: Buffer): Promise<unknown> {
  const turns = createTurns()
  const lists: unknown[][] = []
  /** What is around the lists; in the place of each is its number. */
  let around = ''
  let aroundFrom = 0
  for (const pieces of listsIn(body)) {
    const list: unknown[] = []
    for (const { from, to } of pieces) {
      const entries = parse(`[${body.toString('utf8', from, to)}]`) as unknown[]
      if (entries.length === 0 && pieces.length > 1) throw noJson('nothing follows a comma')
      for (const entry of entries) list.push(entry)
      await turns.take()
    }
    around += `${body.toString('utf8', aroundFrom, pieces.at(0)?.from)}${lists.length}`
    aroundFrom = pieces.at(-1)?.to ?? 0
    lists.push(list)
  }
  const whole = parse(around + body.toString('utf8', aroundFrom))
  if (lists.length === 0) return whole
  const fields = Object.entries(whole as object)
  return Object.fromEntries(
    fields.map(([name, value]) => [name, Array.isArray(value) ? lists[value[0]] : value]),
  )
}

/** From a byte up to, and without, another one. */
interface Span {
  readonly from: number
  readonly to: number
}

/** The lists of an object, without their brackets, each in pieces between which is a comma. What is no JSON need not be told here. */
function* listsIn(body: Buffer): Generator<readonly Span[]> {
  if (!/^\s*\{/.test(body.toString('latin1', 0, pieceBytes))) return
  let depth = 0
  let pieces: Span[] = []
  /** Where the next piece begins, in a list. */
  let from: number | undefined
  for (let at = 0; at < body.length; at = nextAfter(body, at)) {
    const byte = body.readUInt8(at)
    const step = steps[byte] ?? 0
    if (from !== undefined && depth === 2 && step < 0) {
      yield [...pieces, { from, to: at }]
      pieces = []
      from = undefined
    }
    if (from !== undefined && depth === 2 && byte === comma && at - from >= pieceBytes) {
      pieces.push({ from, to: at })
      from = at + 1
    }
    depth += step
    if (depth === 2 && byte === bracket) from = at + 1
  }
}

const [quote, backslash, comma, bracket] = [0x22, 0x5c, 0x2c, 0x5b]
/** How much deeper what follows a byte is. */
const steps = new Int8Array(256)
for (const byte of Buffer.from('[{')) steps[byte] = 1
for (const byte of Buffer.from(']}')) steps[byte] = -1

/** Passes over a string as a whole. */
function nextAfter(body: Buffer, begin: number): number {
  if (body[begin] !== quote) return begin + 1
  for (let at = begin + 1; at < body.length; at += 1) {
    if (body[at] === quote) return at + 1
    if (body[at] === backslash) at += 1
  }
  return body.length
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw noJson(cause instanceof Error ? cause.message : String(cause))
  }
}

const noJson = (why: string): QueryFault =>
  new QueryFault(`the body is no JSON: ${why.slice(0, 200)}`)
