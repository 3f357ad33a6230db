import t from 'tap'
import type { Repository } from '../../src/oci/reference.ts'
import { UpstreamFailure } from '../../src/ports/errors.ts'
import type { ManifestAnswer, Reach } from '../../src/ports/upstream.ts'
import { createAskPresence } from '../../src/pull/ask-presence.ts'
import { image } from '../ports/tag-ledger.support.ts'

const repository = { registry: 'registry.lab', repository: 'web' }
const { digest, mediaType } = image('a')
const { signal } = new AbortController()

/** Asks a registry that gives this, and tells in which repositories the image is known since. */
async function ask(
  getManifest: () => Promise<ManifestAnswer>,
  reach: Reach = { state: 'reachable' },
) {
  const seen: Repository[] = []
  const askPresence = createAskPresence(
    {
      graph: { addSighting: (_, at) => void seen.push(at) },
      upstream: { getManifest },
      reachOf: () => reach,
    },
    { deadlineMs: 20 },
  )
  return { isThere: await askPresence(repository, digest, signal), seen }
}

const failing = (code: UpstreamFailure['code']) => async () => {
  throw new UpstreamFailure(code, 'status', 'no')
}

t.test('a registry that has it says so, and it is known there from then on', async t => {
  const has = async () => ({ digest, mediaType, bytes: Buffer.from('{}') })
  t.strictSame(await ask(has), { isThere: true, seen: [repository] })
})

t.test('one that lacks it, does not tell, is late or is not asked', async t => {
  t.strictSame(await ask(failing('not-found')), { isThere: false, seen: [] })
  t.strictSame(await ask(failing('denied')), { isThere: undefined, seen: [] })
  t.strictSame(await ask(failing('unreachable')), { isThere: undefined, seen: [] })
  t.strictSame(await ask(() => new Promise(() => {})), { isThere: undefined, seen: [] })
  const notAsked = () => t.fail('it is not to be asked') as never
  t.strictSame(await ask(notAsked, { state: 'unconfigured' }), { isThere: undefined, seen: [] })
  await t.rejects(
    ask(() => Promise.reject(new Error('ours'))),
    { message: 'ours' },
  )
})
