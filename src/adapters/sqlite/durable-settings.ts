import { readFileSync } from 'node:fs'
import { HoldfastError } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import { isMissing, writeFileAtomically } from './durable-file.ts'
import type { Settings } from './settings.ts'

/** Named texts in a file beside the database: what an operator set for this node alone outlives a database that is made anew. */
export function createDurableSettings(file: string, log: Log): Pick<Settings, 'get' | 'set'> {
  const values = new Map(readTexts(file, log))
  return {
    get: name => values.get(name),
    async set(name, value) {
      const next = new Map(values).set(name, value)
      const text = JSON.stringify(Object.fromEntries(next), null, 2)
      try {
        writeFileAtomically(file, Buffer.from(`${text}\n`), 0o600)
      } catch (cause) {
        throw new HoldfastError('ledger-unusable', `${file} cannot be written`, cause)
      }
      values.set(name, value)
    },
  }
}

/** What cannot be read is told loudly, and counts as nothing. */
function readTexts(file: string, log: Log): readonly (readonly [string, string])[] {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Object.entries(read ?? {}).filter(
      (one): one is [string, string] => typeof one[1] === 'string',
    )
  } catch (err) {
    if (!isMissing(err)) log.error({ file, err }, 'what was set for this node cannot be read')
    return []
  }
}
