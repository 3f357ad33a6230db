import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { LadderParts, Question } from '../../src/pull/ladder.ts'
import { askOwnerOrMember } from '../../src/pull/peer-rung.ts'
import { key } from '../support/ladder-parts.ts'

const digest = digestOf(Buffer.from('an image'))

/** A node whose registry is known to be down, and a member that is asked and gives no answer. */
function open(options: { readonly isComplete: boolean }) {
  const looked: unknown[] = []
  const asked = Promise.withResolvers<void>()
  const parts = {
    mode: () => 'auto',
    clock: systemClock,
    ledger: { live: () => ({ digest, origin: 'who observed it' }) },
    content: {
      isComplete: () => options.isComplete,
      isInReach: async (...question: unknown[]) => looked.push(question) > 0,
    },
    members: {
      canAsk: () => true,
      async ask() {
        asked.resolve()
        return { answer: new Promise<undefined>(() => {}) }
      },
    },
  } as unknown as LadderParts
  const question = { key, options: { signal: new AbortController().signal } } as Question
  const down = { state: 'down', sinceMs: 0, failure: 'unreachable' } as const
  return { looked, asked: asked.promise, answer: askOwnerOrMember(parts, question, down, 100) }
}

t.test('while a member is asked it is looked whether others hold what is remembered', async t => {
  const { looked, asked, answer } = open({ isComplete: false })
  await asked
  t.strictSame(looked, [[key, digest, 'who observed it']])
  t.match(await answer, { kind: 'failed' })
})

t.test('nobody is asked about what is complete here', async t => {
  const { looked, answer } = open({ isComplete: true })
  await answer
  t.strictSame(looked, [])
})
