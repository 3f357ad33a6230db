import t from 'tap'
import { Value } from 'typebox/value'
import { problem } from '../../../src/http/admin/shapes.ts'
import { tagsAnswer } from '../../../src/http/admin/tag-contract.ts'
import { manifestDigest } from '../support.ts'
import { nowMs, startAdmin } from './support.ts'

t.test('tags come in pages that follow each other', async t => {
  const { ask } = await startAdmin(t)
  const first = await ask('/api/v1/tags?limit=2')
  t.ok(Value.Check(tagsAnswer, first.body))
  t.match(first.body, {
    items: [
      {
        reference: 'reg.lab/lab/app:a',
        digest: manifestDigest,
        source: 'upstream',
        confirmedAt: '2026-11-21T11:59:00.000Z',
        firstSeenAt: '2026-11-21T11:00:00.000Z',
        complete: true,
        pinned: false,
      },
      { reference: 'reg.lab/lab/app:b', pinned: true, pinnedDigest: manifestDigest },
    ],
    next: 'reg.lab/lab/app:b',
  })
  const second = await ask('/api/v1/tags?limit=2&after=reg.lab%2Flab%2Fapp%3Ab')
  t.match(second.body, { items: [{ reference: 'reg.lab/lab/app:c' }] })
  t.notOk('next' in (second.body as object))
})

t.test('what is looked for reaches the search', async t => {
  const searches: unknown[] = []
  const { ask } = await startAdmin(t, {
    async findTags(...search) {
      searches.push(search)
      return { tags: [], next: 'reg.lab/lab/app:z' }
    },
  })
  const narrow = await ask(
    '/api/v1/tags?registry=reg.lab&repository=lab%2Fapp&prefix=reg.lab%2Fl&staleForSeconds=60&incomplete=true&source=import&after=a&limit=5',
  )
  t.ok(Value.Check(tagsAnswer, narrow.body))
  t.match(narrow.body, { items: [], next: 'reg.lab/lab/app:z' }, 'there may be more')
  await ask('/api/v1/tags')
  t.same(searches, [
    [
      {
        registry: 'reg.lab',
        repository: 'lab/app',
        prefix: 'reg.lab/l',
        source: 'import',
        confirmedBeforeMs: nowMs - 60_000,
        isIncomplete: true,
      },
      { after: 'a', limit: 5 },
    ],
    [
      { confirmedBeforeMs: undefined, isIncomplete: false },
      { after: undefined, limit: 100 },
    ],
  ])
})

t.test('a search that makes no sense is told so', async t => {
  const { ask } = await startAdmin(t)
  for (const query of ['staleForSeconds=-1', 'staleForSeconds=7d', 'source=peer', 'incomplete=x']) {
    const got = await ask(`/api/v1/tags?${query}`)
    t.equal(got.status, 400, query)
    t.ok(Value.Check(problem, got.body))
  }
})
