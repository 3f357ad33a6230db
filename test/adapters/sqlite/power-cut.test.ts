import { existsSync } from 'node:fs'
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { image, nginx } from '../../ports/tag-ledger.support.ts'
import { canMount, openDisk } from '../../support/mount.ts'
import { openIn } from './support.ts'

if (canMount) {
  t.test('a power cut takes no pin that was acknowledged, nor the name of the node', async t => {
    const { disk, cutPower } = await openDisk(t)
    const dataDir = join(disk, 'data')
    await mkdir(dataDir)
    const { ledger } = await openIn(t, dataDir)
    await ledger.setPin(nginx, image('first'), {})
    await ledger.setPin(nginx, image('second'), {})
    await appendFile(join(dataDir, 'unsynced'), 'x'.repeat(10_000))

    const left = join(await cutPower(), 'data')
    const unsynced = join(left, 'unsynced')
    t.not(
      existsSync(unsynced) && (await readFile(unsynced)).length,
      10_000,
      'the cut did take what was not synced',
    )
    const [key, keptKey] = await Promise.all(
      [dataDir, left].map(dir => readFile(join(dir, 'node.key'), 'utf8')),
    )
    t.equal(keptKey, key, 'the node is who it was')
    // The journal has it, too: here the database is asked alone.
    await rm(join(left, 'pins.journal'))
    const after = await openIn(t, left)
    t.equal(after.recovered, 'ok')
    t.match(after.ledger.pin(nginx), image('second'))
  })

  t.test('a power cut that takes the database leaves the pin journal', async t => {
    const { disk, cutPower } = await openDisk(t)
    const dataDir = join(disk, 'data')
    await mkdir(dataDir)
    const { ledger } = await openIn(t, dataDir)
    await ledger.setPin(nginx, image('first'), {})
    await ledger.setPin(nginx, image('second'), {})

    const left = join(await cutPower(), 'data')
    for (const suffix of ['', '-wal', '-shm'])
      await rm(join(left, `ledger.db${suffix}`), { force: true })
    const after = await openIn(t, left)
    t.equal(after.recovered, 'rebuilt')
    t.match(after.ledger.pin(nginx), image('second'))
  })

  t.test('a power cut takes nothing that was promised to another node', async t => {
    const { disk, cutPower } = await openDisk(t)
    const dataDir = join(disk, 'data')
    await mkdir(dataDir)
    const { leases } = await openIn(t, dataDir)
    await leases.keep(image('left').digest, 1_000, 0)

    const after = await openIn(t, join(await cutPower(), 'data'))
    t.strictSame(after.leases.load(0), new Map([[image('left').digest, 1_000]]))
  })
} else {
  t.pass('no right to mount a disk: no power was cut')
}
