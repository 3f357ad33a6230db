import type { NetworkInterfaceInfo } from 'node:os'
import t from 'tap'
import { createHostNetwork } from '../../../src/adapters/machine/host-network.ts'

const at = (address: string, internal = false): NetworkInterfaceInfo => ({
  address,
  internal,
  netmask: '',
  mac: '',
  cidr: null,
  ...(address.includes(':') ? { family: 'IPv6', scopeid: 0 } : { family: 'IPv4' }),
})

t.test('addresses that others may reach come IPv4 first, each once', async t => {
  const network = createHostNetwork(() => ({
    lo: [at('127.0.0.1', true), at('::1', true)],
    eth0: [at('fd00::5'), at('10.1.2.3'), at('fe80::1'), at('169.254.7.7')],
    eth1: [at('10.1.2.3'), at('192.168.0.9')],
  }))
  t.strictSame(network.addresses(), ['10.1.2.3', '192.168.0.9', 'fd00::5'])
})

t.test('a machine without a network has none', async t => {
  t.strictSame(createHostNetwork(() => ({})).addresses(), [])
})
