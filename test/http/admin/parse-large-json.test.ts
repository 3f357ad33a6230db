import fc from 'fast-check'
import t from 'tap'
import { parseLargeJson } from '../../../src/http/admin/parse-large-json.ts'
import { QueryFault } from '../../../src/http/admin/read-query.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

t.test('it is parsed as JSON is', async t => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.boolean(), async (value, isSpread) => {
      const text = JSON.stringify(value, undefined, isSpread ? 1 : undefined)
      t.strictSame(await parseLargeJson(bytes(text)), JSON.parse(text))
    }),
  )
  const many = Array.from({ length: 20_000 }, (_, i) => ({ name: `é"\\,]}[{${i}`, of: [i, [i]] }))
  const value = { a: many, b: 'x,]', c: [], d: { e: [1] }, f: many.slice(0, 3), g: [[1], [2]] }
  t.strictSame(await parseLargeJson(bytes(JSON.stringify(value))), value)
  t.strictSame(await parseLargeJson(bytes('{"a":[1],"a":[2]}')), { a: [2] }, 'the last counts')
})

t.test('what is none is refused', async t => {
  const long = `{"a":[${'"x",'.repeat(20_000)}`
  for (const text of [
    '',
    '{"a":[1,]}',
    '{"a":[1}}',
    '{"a":[1]2}',
    '{"a":[{"b":1]]}',
    '{"a":[1],}',
    '{"a":["x]}',
    '{"a":[1]',
    '[1,2',
    `${long}]}`,
    `${long},1]}`,
    `${long}1}`,
    `${long}1]`,
  ]) {
    t.throws(() => JSON.parse(text), text.slice(0, 20))
    await t.rejects(parseLargeJson(bytes(text)), { constructor: QueryFault, message: /no JSON/ })
  }
})

t.test('others have their turn', async t => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  t.teardown(() => clearInterval(timer))
  const value = { a: Array.from({ length: 200_000 }, (_, i) => ({ name: `n${i}`, size: i })) }
  await parseLargeJson(bytes(JSON.stringify(value)))
  t.ok(turns >= 3, `${turns} of them`)
})
