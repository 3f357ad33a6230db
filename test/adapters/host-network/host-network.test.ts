import type { networkInterfaces } from 'node:os'
import t from 'tap'
import { createHostNetwork } from '../../../src/adapters/host-network/host-network.ts'

type Interfaces = ReturnType<typeof networkInterfaces>

const card = (address: string, internal = false) => ({
  address,
  internal,
  family: address.includes(':') ? 'IPv6' : 'IPv4',
})
const addressesOf = (interfaces: Readonly<Record<string, unknown>>) =>
  createHostNetwork(() => interfaces as Interfaces).addresses()

t.test('addresses that others may reach are told, IPv4 first', async t => {
  const interfaces = {
    lo: [card('127.0.0.1', true), card('::1', true)],
    eth0: [card('fd00::5'), card('10.0.0.5'), card('fe80::5')],
    wlan0: [card('192.168.7.5'), card('169.254.3.4')],
    docker0: [card('172.17.0.1')],
    'br-12ab': [card('172.18.0.1')],
    cni0: [card('10.42.0.1')],
  }
  t.strictSame(addressesOf(interfaces), ['10.0.0.5', '192.168.7.5', 'fd00::5'])
})

t.test('where there is nothing but a bridge, that one is told', async t => {
  const interfaces = { lo: [card('127.0.0.1', true)], 'br-lan': [card('10.9.0.1')] }
  t.strictSame(addressesOf(interfaces), ['10.9.0.1'])
})

t.test('a machine without a network, or one that hides it, has no addresses', async t => {
  t.strictSame(addressesOf({ lo: [card('127.0.0.1', true)] }), [])
  const hidden = createHostNetwork(() => {
    throw new Error('EPERM')
  })
  t.strictSame(hidden.addresses(), [])
})

t.test('the real machine can be asked', async t => {
  t.ok(Array.isArray(createHostNetwork().addresses()))
})
