import t from 'tap'
import { digestOf } from '../../../src/oci/digest.ts'
import { makeDirectory, openIn } from './support.ts'

const [one, two] = [digestOf(Buffer.from('one')), digestOf(Buffer.from('two'))]

t.test('leases outlive a restart, each until its time', async t => {
  const dataDir = await makeDirectory(t)
  const first = await openIn(t, dataDir)
  t.strictSame(first.leases.load(0), new Map())
  await first.leases.keep(one, 100, 0)
  await first.leases.keep(two, 200, 0)
  await first.leases.keep(one, 150.5, 50)
  await first.close()

  const again = await openIn(t, dataDir)
  t.strictSame(
    again.leases.load(0),
    new Map([
      [one, 151],
      [two, 200],
    ]),
  )
  t.strictSame(again.leases.load(151), new Map([[two, 200]]))
  await again.leases.keep(two, 300, 151)
  t.strictSame(again.leases.load(0), new Map([[two, 300]]), 'what is over is forgotten')
})
