import t from 'tap'
import type { TObject } from 'typebox'
import { Value } from 'typebox/value'
import { jobBody } from '../../../src/http/admin/job-contract.ts'
import { modeBody } from '../../../src/http/admin/mode-contract.ts'
import { noQuery } from '../../../src/http/admin/operation.ts'
import { pinBody } from '../../../src/http/admin/pin-contract.ts'
import { readBody, readQuery } from '../../../src/http/admin/read-query.ts'
import { tagsQuery } from '../../../src/http/admin/tag-contract.ts'
import { tellFaults } from '../../../src/http/admin/tell-faults.ts'

const ofBody = (schema: TObject, body: unknown): string =>
  tellFaults(schema, Value.Default(schema, body), 'the body')

t.test('each part at fault is told with what it may be', t => {
  for (const [schema, body, told] of [
    [modeBody, { mode: 'sleep' }, 'mode must be one of auto, offline, online'],
    [modeBody, {}, 'the body lacks mode'],
    [modeBody, { mode: 'auto', forSeconds: 0 }, 'forSeconds must be 1 or more'],
    [modeBody, { mode: 'auto', forSeconds: 1.5 }, 'forSeconds must be a whole number'],
    [jobBody, { from: 'x' }, 'from must be one of keep, running'],
    [jobBody, { images: ['a', 5] }, 'images[1] must be a string'],
    [jobBody, { images: 'a' }, 'images must be a list'],
    [
      jobBody,
      { nodes: [], copies: 101 },
      'nodes must have 1 items or more; copies must be 100 or less',
    ],
    [jobBody, { referrers: 'yes' }, 'referrers must be true or false'],
    [pinBody, { to: '' }, 'to must have 1 characters or more'],
    [pinBody, { author: 'a'.repeat(101) }, 'author must have 100 characters or fewer'],
    [pinBody, { expiresAt: 'soon' }, 'expiresAt must be a time, as in 2026-11-29T08:00:00Z'],
    [pinBody, [], 'the body must be an object'],
    [
      pinBody,
      { digest: 5 },
      'the body has an unknown "digest": it may have to, note, author, expiresAt, allowIncomplete, allowElsewhere, described',
    ],
    [
      pinBody,
      { described: { mediaType: 'x', size: 1, weight: 2 } },
      'described has an unknown "weight"',
    ],
  ] as const) {
    t.equal(ofBody(schema, body), told)
    t.throws(() => readBody(schema, body), { message: told })
  }
  t.end()
})

t.test('a parameter that is unknown is refused, for a filter that is not one says too much', t => {
  const { message } = catchFault(() => readQuery(tagsQuery, { prefx: 'nginx', limit: '1' }))
  t.match(message, /^the query has an unknown "prefx": it may have .*prefix.*limit/)
  t.throws(() => readQuery(noQuery, { a: '1' }), {
    message: 'the query has an unknown "a": it takes nothing',
  })
  t.throws(
    () => readQuery(noQuery, Object.fromEntries([['__proto__', 'x']])),
    /unknown "__proto__"/,
  )
  t.strictSame(readQuery(noQuery, {}), {})
  t.throws(() => readQuery(tagsQuery, { limit: 'x', source: 'y' }), {
    message:
      'source must be one of upstream, push, import, containerd; limit must be a whole number',
  })
  t.end()
})

t.test('what is told stays short, however much was sent', t => {
  const names = Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [`${i}`.padStart(500, 'n'), 1]),
  )
  t.ok(catchFault(() => readQuery(tagsQuery, names)).message.length < 700)
  const told = ofBody(pinBody, names)
  t.match(told, /^the body has an unknown "n+", .*: it may have to, note/)
  t.ok(told.length < 700)
  const images = Array.from({ length: 500 }, () => 5)
  t.match(
    ofBody(jobBody, { images }),
    /^images\[0\] must be a string; .*images\[7\] must be a string$/,
  )
  t.end()
})

function catchFault(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('it found no fault')
}
