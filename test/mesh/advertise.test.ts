import t from 'tap'
import { addressesOf } from '../../src/mesh/advertise.ts'

const network = { addresses: () => ['10.0.0.5', 'fd00::5'] }

t.test('a listener is found where it is said to be, else where it is bound', async t => {
  const at = { host: '0.0.0.0', port: 5053 }
  t.strictSame(addressesOf(at, ['edge.example:6000'], network), ['edge.example:6000'])
  t.strictSame(addressesOf({ ...at, host: '10.0.0.9' }, [], network), ['10.0.0.9:5053'])
  t.strictSame(addressesOf({ ...at, host: '::1' }, [], network), ['[::1]:5053'])
})

t.test('one that listens everywhere is found at all addresses of its families', async t => {
  t.strictSame(addressesOf({ host: '0.0.0.0', port: 1 }, [], network), ['10.0.0.5:1'])
  t.strictSame(addressesOf({ host: '::', port: 1 }, [], network), ['10.0.0.5:1', '[fd00::5]:1'])
})

t.test('a machine without a network has its loopback', async t => {
  const none = { addresses: () => [] }
  t.strictSame(addressesOf({ host: '0.0.0.0', port: 1 }, [], none), ['127.0.0.1:1'])
})
