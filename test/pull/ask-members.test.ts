import t, { type Test } from 'tap'
import { silentLog } from '../../src/ports/log.ts'
import { type PeerAnswer, PeerFailure } from '../../src/ports/peer-port.ts'
import { createAskMembers } from '../../src/pull/ask-members.ts'
import { resolveSubject } from '../../src/pull/peer-word.ts'
import { repositoryOf } from '../support/fake-upstream.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'
import { stayAlive } from '../support/pull-parts.ts'
import { watchWaiting } from '../support/waited.ts'

const key = { ...repositoryOf('lab/app'), tag: 'latest' }
const self = nodeId('self')

/** A node and others that say they reach the registry; they are asked in the order in which they are named. */
function open(
  t: Test,
  names: readonly string[],
  answerOf: (name: string) => PeerAnswer,
  { timeoutMs = 10_000 } = {},
) {
  stayAlive(t)
  const lab = createPeerLab()
  const asked: string[] = []
  lab.serve(self, {})
  for (const name of names) {
    const answer: PeerAnswer = (...question) => {
      asked.push(name)
      return answerOf(name)(...question)
    }
    lab.serve(nodeId(name), { answers: new Map([[resolveSubject, answer]]) })
    lab.say(nodeId(name), { upstreams: ['reg.test'] })
  }
  const ending = new AbortController()
  t.teardown(() => ending.abort())
  const ids = names.map(nodeId)
  const members = createAskMembers(
    {
      members: lab.members(self),
      client: lab.client(self),
      book: { order: () => ids, failed() {}, answered() {}, failedLately: () => false },
      ledger: { live: () => undefined, trustedNowMs: () => 0 },
      clock: createMovableClock(0), // what is left of the time is not what a busy machine leaves of it
      log: silentLog,
      takeRecord: async () => 'refused',
      fetchManifest: async () => undefined,
      onAnswer() {},
    },
    { timeoutMs, signal: ending.signal },
  )
  return { asked, ask: async () => (await members.ask(key)).answer }
}

t.test('each that cannot ask the registry either makes room for the next', async t => {
  const { asked, ask } = open(t, ['a', 'b', 'c', 'd', 'e', 'f'], () => async () => {
    throw new PeerFailure('absent', 'its registry is down, too')
  })
  const waitedMs = watchWaiting()
  t.equal(await ask(), undefined)
  t.strictSame(asked, ['a', 'b', 'c', 'd', 'e'], 'five at the most')
  t.ok(waitedMs() < 300, 'at once')
})

t.test('beside one that is silent only one other is asked', async t => {
  const silent: PeerAnswer = () => new Promise(() => {})
  const { asked, ask } = open(t, ['a', 'b', 'c'], () => silent, { timeoutMs: 400 })
  t.equal(await ask(), undefined)
  t.strictSame(asked, ['a', 'b'])
})
