import t from 'tap'
import { formatMeshAddress } from '../../src/mesh/mesh-address.ts'

t.test('an address is written with its port, IPv6 in brackets', async t => {
  t.equal(formatMeshAddress('10.0.0.1', 5053), '10.0.0.1:5053')
  t.equal(formatMeshAddress('fd00::1', 5053), '[fd00::1]:5053')
})
