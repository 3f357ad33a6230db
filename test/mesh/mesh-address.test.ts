import t from 'tap'
import { formatMeshAddress, parseMeshAddress } from '../../src/mesh/mesh-address.ts'

t.test('hosts with and without a port are read', async t => {
  const read: [string, number | undefined, unknown][] = [
    ['10.0.0.1:5053', undefined, { host: '10.0.0.1', port: 5053 }],
    ['mesh.example:1', 7, { host: 'mesh.example', port: 1 }],
    ['mesh.example', 7, { host: 'mesh.example', port: 7 }],
    ['[fd00::1]:5053', undefined, { host: 'fd00::1', port: 5053 }],
    ['[fd00::1]', 7, { host: 'fd00::1', port: 7 }],
    ['fd00::1', 7, { host: 'fd00::1', port: 7 }],
    ['mesh.example', undefined, undefined],
    ['mesh.example:0', 7, undefined],
    ['mesh.example:65536', 7, undefined],
    ['a b:1', 7, undefined],
    ['', 7, undefined],
  ]
  for (const [text, port, expected] of read)
    t.strictSame(parseMeshAddress(text, port), expected, text)
})

t.test('an address is written so that it is read again', async t => {
  t.equal(formatMeshAddress('10.0.0.1', 5053), '10.0.0.1:5053')
  t.equal(formatMeshAddress('fd00::1', 5053), '[fd00::1]:5053')
})
