import t from 'tap'
import { Type } from 'typebox'
import { QueryFault, readLargeBody } from '../../../src/http/admin/read-query.ts'

const entry = Type.Object(
  { name: Type.String(), size: Type.Integer({ default: 3 }) },
  { additionalProperties: false },
)
const schema = Type.Object(
  { id: Type.String(), many: Type.Array(entry), more: Type.Optional(Type.Array(entry)) },
  { additionalProperties: false },
)

t.test('a large body is read as a small one is', async t => {
  const given = { id: 'a', many: [{ name: 'x' }, { name: 'y', size: 1 }] }
  t.strictSame(await readLargeBody(schema, given), {
    id: 'a',
    many: [
      { name: 'x', size: 3 },
      { name: 'y', size: 1 },
    ],
  })
  for (const [wrong, fault] of [
    [undefined, /^the body lacks id, many$/],
    [[], /^the body must be an object$/],
    [{ id: 'a' }, /^the body lacks many$/],
    [{ id: 'a', many: {} }, /^many must be a list$/],
    [{ id: 'a', many: [{ name: 'x' }, 3] }, /^many\[1\] must be an object$/],
    [{ id: 'a', many: [{ name: 'x' }, {}] }, /^many\[1\] lacks name$/],
    [{ id: 'a', many: [{ name: 3 }] }, /^many\[0\]\.name must be a string$/],
    [{ id: 'a\ud800', many: [] }, /^id has half of a character/],
    [{ id: 'a', many: [{ name: '\udc00b' }] }, /^many\[0\]\.name has half of a character/],
    [{ id: 'a', many: [], more: [{ name: 'x', nam: 1 }] }, /^more\[0\] has an unknown "nam"/],
    [{ id: 'a', many: [], mor: [] }, /^the body has an unknown "mor"/],
  ] as const) {
    await t.rejects(readLargeBody(schema, wrong), { constructor: QueryFault, message: fault })
  }
})

t.test('others have their turn between the entries of a large body', async t => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  t.teardown(() => clearInterval(timer))
  const many = Array.from({ length: 20_000 }, (_, i) => ({ name: `n${i}` }))
  t.equal((await readLargeBody(schema, { id: 'a', many })).many.length, many.length)
  t.ok(turns > 3, `${turns} of them`)
})
