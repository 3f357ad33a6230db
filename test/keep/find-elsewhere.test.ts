import t from 'tap'
import { createFindElsewhere, tellElsewhere } from '../../src/keep/find-elsewhere.ts'
import type { Repository } from '../../src/oci/reference.ts'
import { image, nginx } from '../ports/tag-ledger.support.ts'

const { digest } = image('far')
const { signal } = new AbortController()
const redis = { registry: 'registry.lab', repository: 'redis' }
const here: Repository = nginx

/** Looks for an image over parts that know nothing but what is said here. */
function look(change: Partial<Parameters<typeof createFindElsewhere>[0]>) {
  let asked = 0
  const find = createFindElsewhere({
    book: { get: () => undefined },
    history: () => [],
    tagsOf: async () => [],
    seenIn: () => [],
    ...change,
    askPresence: async (...args) => {
      asked += 1
      return change.askPresence?.(...args)
    },
  })
  return find(nginx, digest, signal).then(found => ({ found, asked }))
}

t.test('an image of which only other repositories are known is told with them', async t => {
  const repositories = ['registry.lab/redis']
  for (const change of [
    { seenIn: () => [redis, redis] },
    { tagsOf: async () => [{ ...redis, tag: '7' }] },
  ]) {
    t.match(await look(change), { found: { repositories, isMissing: false }, asked: 1 })
    const missing = await look({ ...change, askPresence: async () => false })
    t.match(missing.found, { repositories, isMissing: true })
    const there = await look({ ...change, askPresence: async () => true })
    t.equal(there.found, undefined, 'the registry has it')
  }
})

t.test('one that is known here, or nowhere, is not', async t => {
  const seen = { ...image('far'), stamp: { wallMs: 1, counter: 0 }, source: 'upstream' as const }
  const times = { origin: 'aa', confirmedAtMs: 1, firstSeenMs: 1, lastSeenMs: 1 }
  const standing = { key: nginx, standing: 'expired' as const, target: image('far'), origin: 'aa' }
  const said = { stamp: seen.stamp, note: undefined, author: undefined, expiresAtMs: undefined }
  for (const change of [
    {},
    { seenIn: () => [redis, here] },
    { seenIn: () => [redis], tagsOf: async () => [{ ...here, tag: 'other' }] },
    { seenIn: () => [redis], history: () => [{ ...seen, ...times }] },
    { seenIn: () => [redis], book: { get: () => ({ ...standing, ...said }) } },
  ]) {
    t.strictSame(await look(change), { found: undefined, asked: 0 })
  }
})

t.test('what the registry lacks is told otherwise than what nobody knows', t => {
  const repositories = ['a/b', 'a/c', 'a/d', 'a/e']
  const told = (isMissing: boolean) => tellElsewhere(nginx, digest, { repositories, isMissing })
  t.match(told(false), /an image of a\/b, a\/c, a\/d, and is not known to be one of /)
  t.match(told(true), /and the registry does not have it in /)
  t.end()
})
