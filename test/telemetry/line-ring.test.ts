import t from 'tap'
import { createLineRing } from '../../src/telemetry/line-ring.ts'

t.test('the last lines are remembered, by number and by length', t => {
  const ring = createLineRing({ maxLines: 3, maxLength: 10 })
  t.strictSame(ring.lines(), [])
  for (const line of ['a\n', 'b\n', 'c\n', 'd\n']) ring.add(line)
  t.strictSame(ring.lines(), ['b', 'c', 'd'])
  ring.add('eeeeeeee\n')
  t.strictSame(ring.lines(), ['c', 'd', 'eeeeeeee'])
  ring.add('too long to keep\n')
  t.strictSame(ring.lines(), [])
  for (let i = 0; i < 100; i++) ring.add(`${i}`)
  t.strictSame(ring.lines(), ['97', '98', '99'])
  t.end()
})
