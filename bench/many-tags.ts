import { openLedger } from '../src/adapters/sqlite/open.ts'
import { systemClock } from '../src/ports/clock.ts'
import { silentLog } from '../src/ports/log.ts'
import { registryName } from './scene.ts'
import { createSigner } from './signer.ts'

/** Tags of a large cluster. */
export const manyTags = 100_000

const dayMs = 86_400_000

/** When one tag in a hundred was confirmed; all others a day ago. */
export const longAgoMs = Date.now() - 30 * dayMs

/** One in a hundred was imported, and one in a hundred was confirmed long ago. */
const isRare = (i: number): boolean => i % 100 === 17

/** Name of one of them. */
const manyKey = (i: number): string =>
  `${registryName}/team-${i % 500}/app-${i % 5_000}:v${Math.floor(i / 5_000)}`

/** One of them, any. */
export const anyKey = (): string => manyKey(Math.floor(Math.random() * manyTags))

/** Puts them into the ledger of a node that does not run, as twenty other nodes would have told them. */
export async function fillManyTags(dataDir: string): Promise<void> {
  const signers = Array.from({ length: 20 }, createSigner)
  const opened = await openLedger({ dataDir, log: silentLog, clock: systemClock })
  try {
    for (let from = 0; from < manyTags; from += 5_000) {
      const records = Array.from({ length: 5_000 }, (_, j) => {
        const i = from + j
        const sign = signers[i % signers.length] ?? createSigner()
        const wallMs = isRare(i + 50) ? longAgoMs : Date.now() - dayMs
        return sign(manyKey(i), wallMs, isRare(i) ? 'import' : 'upstream')
      })
      await opened.records.apply(records)
    }
  } finally {
    await opened.close()
  }
}
