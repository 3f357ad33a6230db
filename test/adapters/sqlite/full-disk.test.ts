import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { answer, day, image, nginx, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { checkFull } from './full-disk.support.ts'
import { makeDirectory, openIn } from './support.ts'

t.test('a database that may not grow answers, refuses, and says so', async t => {
  const dataDir = await makeDirectory(t)
  const opened = await openIn(t, dataDir, { maxPages: 100 })
  const filled = await checkFull(t, opened)
  await opened.close()
  const again = await openIn(t, dataDir)
  t.equal(again.recovered, 'ok')
  t.equal(again.ledger.stats().pins, filled, 'what was acknowledged, no more')
  await again.ledger.setPin(nginx, image('p'), {})
  t.equal(again.ledger.stats().writable, true)
})

t.test(
  'a clock that is corrected while nothing can be written corrects later writes too',
  async t => {
    const dataDir = await makeDirectory(t)
    const clock = createMovableClock(today + 3652 * day)
    const opened = await openIn(t, dataDir, { maxPages: 120, clock })
    const { ledger } = opened
    await ledger.observeLocal(nginx, image('imported'), 'import')
    const note = 'x'.repeat(4_000)
    const fill = async () => {
      for (let n = 0; ; n++) await ledger.setPin(nginx, image(`${n}`), { note })
    }
    // Each pin takes the place of the one before; its history grows.
    await t.rejects(fill(), { code: 'ledger-unusable' })
    await t.rejects(answer(ledger, 'a', { dateMs: today }), { code: 'ledger-unusable' })
    t.equal(ledger.stats().clockVerified, true)
    const live = { ...image('imported'), stamp: { wallMs: today }, confirmedAtMs: today }
    t.match(ledger.live(nginx), live)
    t.match(ledger.list({ limit: 1 }), [{ live, pin: { stamp: { wallMs: today } } }])
    await opened.close()
    const again = await openIn(t, dataDir, { clock })
    await answer(again.ledger, 'b', { dateMs: today })
    t.match(again.ledger.live(nginx), { ...image('b'), stamp: { wallMs: today } })
  },
)

t.test('a directory without the right to write is read', async t => {
  const dataDir = await makeDirectory(t)
  const before = await openIn(t, dataDir)
  await answer(before.ledger, 'before', { dateMs: today })
  await before.close()
  await chmod(dataDir, 0o500)
  t.teardown(() => chmod(dataDir, 0o700))
  const opened = await openIn(t, dataDir)
  t.match(opened.ledger.live(nginx), image('before'))
})

/** In a mount namespace of its own, so that no mount of ours is ever seen outside. */
function mayMount(): boolean {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

const skip = mayMount() ? false : 'needs the right to mount'

t.test('so is one on a disk that is full or read-only', { skip }, async t => {
  const tests = join(import.meta.dirname, 'full-disk-child.ts')
  const directory = await makeDirectory(t)
  const child = spawn(
    'unshare',
    ['-m', '--propagation', 'private', process.execPath, tests, directory],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const output: Buffer[] = []
  child.stdout.on('data', chunk => output.push(chunk))
  const [code] = await once(child, 'close')
  const said = Buffer.concat(output).toString()
  t.equal(code, 0, said)
  t.match(said, /^1\.\.4$/m, 'the tests did run')
})
