/**
 * A process to be killed: opens the ledger in the given directory, writes without pause, and prints one line for every write that
 * was acknowledged. Numbers go on from where the given one says.
 */
import { openLedger } from '../../../src/adapters/sqlite/open.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { image, keyOf } from '../../ports/tag-ledger.support.ts'

const [dataDir = '', start = '0'] = process.argv.slice(2)
const { ledger, keeps, settings, snapshot } = await openLedger({
  dataDir,
  log: silentLog,
  clock: systemClock,
})

/** Without a buffer in between: a line that is out survives us. */
const acknowledged = (line: string) => process.stdout.write(`${line}\n`)

acknowledged('open')
for (let n = Number(start); ; n++) {
  const key = keyOf('docker.io', 'library/crash', `t${n % 50}`)
  const target = image(`${n}`)
  const asked = ledger.askedNow(key)
  const writes: Promise<unknown>[] = [
    ledger
      .observeUpstream({ key, ...target, asked, dateMs: undefined, overTls: false })
      .then(() => acknowledged(`tag ${n}`)),
  ]
  if (n % 3 === 0) writes.push(ledger.setPin(key, target, {}).then(() => acknowledged(`pin ${n}`)))
  if (n % 4 === 0) {
    const details = { note: `${n}`, author: undefined }
    writes.push(keeps.set(`a.lan/t${n % 50}`, details).then(() => acknowledged(`keep ${n}`)))
  }
  if (n % 7 === 0) writes.push(settings.set('n', `${n}`).then(() => acknowledged(`set ${n}`)))
  if (n % 40 === 0) writes.push(snapshot())
  // Several are under way at any time.
  if (n % 5 === 0) await Promise.all(writes)
}
