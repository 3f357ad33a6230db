import t from 'tap'
import { Value } from 'typebox/value'
import * as understood from '../../src/cli/answers.ts'
import * as understoodOfTags from '../../src/cli/tag-answers.ts'
import * as understoodOfWhy from '../../src/cli/why-answers.ts'
import type * as given from '../../src/http/admin/contract.ts'
import type * as givenOfTags from '../../src/http/admin/tag-contract.ts'
import type * as givenOfWhy from '../../src/http/admin/why-contract.ts'

const asOf = { node: 'n', asOf: '2026-11-20T03:00:00.000Z' }
const digest = `sha256:${'a'.repeat(64)}`
const reference = 'docker.io/library/nginx:latest'

t.test('the command line understands what the admin API answers', async t => {
  const resolved = {
    ...asOf,
    reference,
    found: true,
    digest,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 5,
    source: 'upstream',
    fresh: true,
    confirmedAt: asOf.asOf,
    ageSeconds: 0.5,
    reason: 'r',
    failure: 'denied',
    saidBy: 'https://registry-1.docker.io',
    steps: [{ rung: 'pin', outcome: 'none' }],
  } satisfies given.ResolveAnswer
  const unresolved = { ...asOf, reference, found: false, reason: 'r' } satisfies given.ResolveAnswer
  const tags = {
    ...asOf,
    items: [
      { reference, complete: false, pinned: false },
      { reference, complete: true, pinned: true, digest, source: 'push', confirmedAt: asOf.asOf },
    ],
    next: reference,
  } satisfies givenOfTags.TagsAnswer
  const entry = {
    reference,
    source: 'none',
    reason: 'r',
    firstAt: asOf.asOf,
    lastAt: asOf.asOf,
    count: 2,
  }
  const why = {
    ...asOf,
    pods: { state: 'seen' },
    isPod: false,
    containers: [],
    resolutions: [entry, { ...entry, digest, saidBy: 'x' }],
  } satisfies givenOfWhy.NodeWhyAnswer
  t.ok(Value.Check(understood.resolveAnswer, resolved))
  t.ok(Value.Check(understood.resolveAnswer, unresolved))
  t.ok(Value.Check(understoodOfTags.tagsAnswer, tags))
  t.ok(Value.Check(understoodOfWhy.nodeWhyAnswer, why))
})

t.test('what the admin API may leave out, the command line may miss', async t => {
  // Fails to compile when an answer could be of a shape that the command line does not take.
  const resolve = (answer: given.ResolveAnswer): understood.ResolveAnswer => answer
  const tags = (answer: givenOfTags.TagsAnswer): understoodOfTags.TagsAnswer => answer
  const tag = (answer: givenOfTags.TagAnswer): understoodOfTags.TagAnswer => answer
  const why = (answer: givenOfWhy.NodeWhyAnswer): understoodOfWhy.NodeWhyAnswer => answer
  t.same(
    [resolve, tags, tag, why].map(take => typeof take),
    ['function', 'function', 'function', 'function'],
  )
})
