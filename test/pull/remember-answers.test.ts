import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { rememberAnswers } from '../../src/pull/remember-answers.ts'
import type { Resolved, Unresolved } from '../../src/pull/resolution.ts'

const key = { registry: 'docker.io', repository: 'library/nginx', tag: 'latest' }
const digest = digestOf(Buffer.from('nginx'))
const target = { digest, mediaType: 'application/vnd.oci.image.index.v1+json', size: 5 }
const found: Resolved = {
  found: true,
  key,
  ...target,
  source: 'upstream',
  fresh: true,
  confirmedAtMs: 1,
  ageSeconds: undefined,
  reason: 'the registry said so just now',
  failure: undefined,
  saidBy: 'https://registry.example',
  steps: [],
}
const missing: Unresolved = {
  found: false,
  key,
  reason: 'nothing complete is held',
  failure: 'unreachable',
  steps: [],
}

/** What was noted of one answer. */
async function noted(answer: Resolved | Unresolved, asking: 'HEAD' | 'GET' | 'explain') {
  const notes: string[] = []
  const resolve = rememberAnswers(async () => answer, {
    resolutions: { add: entry => void notes.push(`resolution ${entry.source}`) },
    ledger: { markUsed: () => void notes.push('tag used'), trustedNowMs: () => 7 },
    given: { given: () => void notes.push('given') },
    onUse: used => void notes.push(`content used ${used}`),
  })
  const told = await resolve(key, { asking, signal: AbortSignal.timeout(1_000) })
  return { notes, told }
}

t.test('a HEAD uses the image, of which a client that holds it asks for nothing more', async t => {
  const { notes, told } = await noted(found, 'HEAD')
  t.equal(told, found)
  t.strictSame(notes, ['tag used', `content used ${digest}`, 'given', 'resolution upstream'])
})

t.test('a GET is no sign that the client holds the image', async t => {
  const { notes } = await noted(found, 'GET')
  t.strictSame(notes, ['tag used', `content used ${digest}`, 'resolution upstream'])
})

t.test('no answer is written down and uses nothing', async t => {
  const { notes } = await noted(missing, 'HEAD')
  t.strictSame(notes, ['resolution none'])
})

t.test('a person’s question leaves no trace', async t => {
  const { notes } = await noted(found, 'explain')
  t.strictSame(notes, [])
})
