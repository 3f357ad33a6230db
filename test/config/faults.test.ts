import t from 'tap'
import { faultAt, formatFault, show } from '../../src/config/faults.ts'

t.test('a fault reads: where, which key, what is wrong, what to write', async t => {
  const finding = {
    path: ['upstreams', 'docker.io', 'endpoints', 0, 'url'],
    problem: 'is no URL',
    shown: '"x"',
  }
  const origin = { kind: 'file', file: 'h.yaml', line: 3, column: 14 } as const
  t.equal(
    formatFault(faultAt({ ...finding, cure: 'write https://x' }, origin)),
    'h.yaml:3:14: upstreams["docker.io"].endpoints[0].url: "x" is no URL\n    write https://x',
  )
  t.equal(
    formatFault(faultAt({ path: ['mode'], problem: 'is odd' }, { kind: 'default' })),
    'default: mode is odd',
  )
  t.equal(
    formatFault({ path: '', origin: { kind: 'file', file: 'f' }, problem: 'no mapping' }),
    'f: no mapping',
  )
})

t.test('a value is shown short, and never with what could be a credential', async t => {
  t.equal(show('auto', false), '"auto"')
  t.equal(show('a\nb', false), '"a\\nb"')
  t.equal(show('x'.repeat(200), false).length, 83)
  t.equal(show('https://bob:pa@ss@host/x', false), '"***@host/x"')
  t.equal(show('bob:pa\nss@host', false), '"***@host"')
  t.strictSame(
    [5, true, null, [1], { a: 1 }].map(value => show(value, false)),
    ['5', 'true', 'null', 'a list', 'a mapping'],
  )
  t.equal(show('anything', true), '(hidden)')
})
