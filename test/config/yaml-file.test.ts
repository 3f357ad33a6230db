import t from 'tap'
import { formatFault } from '../../src/config/faults.ts'
import { parseConfigFile } from '../../src/config/yaml-file.ts'

const told = (text: string): string[] => parseConfigFile(text, 'f').faults.map(formatFault)

t.test('a file that is no mapping says so', async t => {
  t.strictSame(told('- a\n'), [
    'f:1:1: the file must be a mapping, and it is a list\n    begin with lines like `mode: auto`',
  ])
  t.match(told('# c\njust text'), [/^f:2:1: the file must be a mapping, and it is plain text/])
})

t.test('what is wrong with the YAML is told with line and column', async t => {
  t.match(told('mode: auto\nlog: {}\nmode: online'), [/^f:3:1: this key is written twice/])
  t.match(told('log:\n\tlevel: info'), [/^f:2:1: the line is indented with a tab/])
  t.match(told('mode: auto\n---\nmode: online'), [/a second document begins here/])
  t.match(told('mode: *x'), [/an alias names no anchor/])
  t.match(told('mode: !secret x'), [/^f:1:7: this tag is not known/])
  t.match(told('? [a]\n: b'), [/a key must be text/])
  t.match(told('log: {level: info'), [/^f:\d+:\d+: .* is not finished/])
})

t.test('aliases that unfold to billions of values are refused', async t => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 10; i += 1)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    )
  t.match(told(lines.join('\n')), [/aliases unfold to too many values/])
})

t.test('a place is that of the value, of the key, or of what is nearest', async t => {
  const file = parseConfigFile('resolve:\n  rules:\n    - match: a\n  onFailure:\nmode: auto', 'f')
  const at = (path: (string | number)[], aboutKey = false) => file.originOf(path, aboutKey)
  t.match(at(['mode']), { line: 5, column: 7 })
  t.match(at(['mode'], true), { line: 5, column: 1 })
  t.match(at(['resolve', 'rules', 0, 'match']), { line: 3, column: 14 })
  t.match(at(['resolve', 'rules', 0, 'gone']), { line: 3, column: 7 })
  t.match(at(['resolve', 'onFailure']), { line: 4, column: 3 })
  t.match(at(['gone']), { line: 1, column: 1 })
})

t.test('a key named like a part of every object is a key like others', async t => {
  const { value } = parseConfigFile('__proto__: { mode: x }\nconstructor: 1', 'f')
  t.strictSame(Object.keys(Object(value)), ['__proto__', 'constructor'])
  t.equal(Reflect.get(Object(value), 'mode'), undefined)
})
