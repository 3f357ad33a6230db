import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { LadderParts, Question } from '../../src/pull/ladder.ts'
import { askOwnerOrMember } from '../../src/pull/peer-rung.ts'
import { key } from '../support/ladder-parts.ts'

const digest = digestOf(Buffer.from('an image'))

/** A node whose registry is known to be down, and a member that is asked and gives no answer. */
function open(options: { readonly isComplete: boolean; readonly answer?: Promise<undefined> }) {
  const { answer: saying = new Promise<undefined>(() => {}) } = options
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
        return { answer: saying }
      },
    },
  } as unknown as LadderParts
  const steps: { rung: string; outcome: string }[] = []
  const question = { key, options: { signal: new AbortController().signal }, steps } as Question
  const down = { state: 'down', sinceMs: 0, failure: 'unreachable' } as const
  return {
    looked,
    steps,
    asked: asked.promise,
    answer: askOwnerOrMember(parts, question, down, 100),
  }
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

t.test('that nobody could ask the registry is told from that nobody answered in time', async t => {
  const outcomeOf = async (answer?: Promise<undefined>) => {
    const asked = open({ isComplete: true, ...(answer && { answer }) })
    await asked.answer
    return asked.steps.find(({ rung }) => rung === 'peer')?.outcome
  }
  t.equal(await outcomeOf(), 'no node gave an answer in time')
  t.equal(
    await outcomeOf(Promise.resolve(undefined)),
    'no node that was asked could ask the registry',
  )
})
