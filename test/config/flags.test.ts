import t from 'tap'
import { isConfigFlag, isSwitch, readFlags } from '../../src/config/flags.ts'
import { keys } from '../../src/config/keys.ts'

t.test('every key is a flag in two spellings', async t => {
  for (const { flag, path } of keys) {
    t.ok(isConfigFlag(flag) && isConfigFlag(path.join('.')), flag)
    t.equal(isSwitch(flag), isSwitch(path.join('.')))
  }
  t.equal(new Set(keys.map(({ flag }) => flag)).size, keys.length)
  t.notOk(isConfigFlag('resolve.timeout'))
  t.ok(isSwitch('mesh.mdns'))
  t.notOk(isSwitch('mode'))
})

t.test('numbers are numbers only where the key wants one', async t => {
  const { assignments } = readFlags([
    { name: 'resolve.timeout-ms', text: '500' },
    { name: 'node.name', text: '500' },
    { name: 'mesh.mdns', text: 'TRUE' },
    { name: 'resolve.timeout-ms', text: '5e2' },
  ])
  t.strictSame(
    assignments.map(({ value }) => value),
    [500, '500', true, '5e2'],
  )
})

t.test('a flag without its value is a fault, a switch is on', async t => {
  const { assignments, faults } = readFlags([
    { name: 'mode', text: undefined },
    { name: 'store.complete-tags', text: undefined },
  ])
  t.match(faults, [
    { path: 'mode', problem: 'needs a value', origin: { kind: 'flag', name: '--mode' } },
  ])
  t.match(assignments, [{ value: true }])
})
