import { JSONParser } from '@streamparser/json'
import { createTurns } from '../../ports/turns.ts'
import { QueryFault } from './read-query.ts'

/** So many bytes are parsed at once: that takes about a millisecond. */
const pieceBytes = 16 * 1024

/** Parses JSON of many bytes; others of this thread have their turn in between. Throws {@link QueryFault}. */
export async function parseLargeJson(body: Buffer): Promise<unknown> {
  const turns = createTurns()
  let value: unknown
  const parser = new JSONParser({ paths: ['$'] })
  parser.onValue = parsed => {
    value = parsed.value
  }
  try {
    for (let at = 0; at < body.length; at += pieceBytes) {
      parser.write(body.subarray(at, at + pieceBytes))
      await turns.take()
    }
    if (!parser.isEnded) parser.end()
  } catch (cause) {
    throw noJson(cause instanceof Error ? cause.message : String(cause))
  }
  if (value === undefined) throw noJson('it is empty')
  return value
}

const noJson = (why: string): QueryFault =>
  new QueryFault(`the body is no JSON: ${why.slice(0, 200)}`)
