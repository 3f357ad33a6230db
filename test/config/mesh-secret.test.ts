import t from 'tap'
import { formatFault } from '../../src/config/faults.ts'
import { loadConfig } from '../../src/config/load.ts'

/** What is wrong with a mesh without a secret that listens there. */
async function faultsOf(peer: string, mesh: string): Promise<readonly string[]> {
  const flags = { 'mesh.enabled': 'true', 'peer.listen': peer, 'mesh.listen': mesh }
  const given = Object.entries(flags).map(([name, text]) => ({ name, text }))
  const { faults } = await loadConfig({ file: undefined, env: {}, flags: given, isTerminal: false })
  return faults.map(formatFault)
}

t.test('a mesh without a secret stays on loopback', async t => {
  t.strictSame(await faultsOf('127.0.0.1:5052', '[::1]:5053'), [])
})

t.test('off loopback it needs one, whichever port it is', async t => {
  for (const [peer, mesh, open] of [
    ['0.0.0.0:5052', '127.0.0.1:5053', '0.0.0.0:5052'],
    ['127.0.0.1:5052', '10.0.0.1:5053', '10.0.0.1:5053'],
  ] as const) {
    const [fault, ...others] = await faultsOf(peer, mesh)
    t.match(fault, `mesh.secretFile is needed: everybody who reaches ${open} would be a member`)
    t.match(fault, 'holdfast mesh secret')
    t.strictSame(others, [])
  }
})
