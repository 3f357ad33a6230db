import t from 'tap'
import { askInOrder, type Candidate } from '../../../src/adapters/registry/endpoints.ts'
import { UpstreamFailure } from '../../../src/ports/errors.ts'
import { stopTime } from './support/stopped-time.ts'

const settled = () => new Promise(resolve => setImmediate(resolve))

function fail(message: string): UpstreamFailure {
  return new UpstreamFailure('unreachable', 'connect', message)
}

function makeCandidates(
  names: readonly string[],
  refused: readonly string[] = [],
  broken: readonly string[] = [],
) {
  const time = stopTime()
  const asked: string[] = []
  const dropped: string[] = []
  const pending = new Map<string, PromiseWithResolvers<string>>()
  const candidates: Candidate<string>[] = names.map(name => ({
    refusal: refused.includes(name) ? fail(`${name} is known to be down`) : undefined,
    lastBroke: broken.indexOf(name) + 1,
    ask() {
      asked.push(name)
      const question = Promise.withResolvers<string>()
      pending.set(name, question)
      return question.promise
    },
  }))
  const answer = askInOrder(time.schedule, candidates, 300, name => dropped.push(name))
  answer.catch(() => {})
  return { time, asked, dropped, pending, answer }
}

t.test('the first that answers is believed, and nobody else is asked', async t => {
  const { asked, pending, answer, time } = makeCandidates(['a', 'b'])
  pending.get('a')?.resolve('from a')
  t.equal(await answer, 'from a')
  t.strictSame(asked, ['a'])
  t.strictSame(time.waiting(), [])
})

t.test('when one fails the next is asked at once', async t => {
  const { asked, pending, answer } = makeCandidates(['a', 'b'])
  pending.get('a')?.reject(fail('a'))
  await settled()
  t.strictSame(asked, ['a', 'b'])
  pending.get('b')?.resolve('from b')
  t.equal(await answer, 'from b')
})

t.test('when one is silent the next is asked beside it', async t => {
  const { asked, dropped, pending, answer, time } = makeCandidates(['a', 'b', 'c'])
  time.advance(299)
  t.strictSame(asked, ['a'])
  time.advance(1)
  t.strictSame(asked, ['a', 'b'])
  time.advance(300)
  t.strictSame(asked, ['a', 'b', 'c'])
  pending.get('b')?.resolve('from b')
  t.equal(await answer, 'from b')
  pending.get('a')?.resolve('late a')
  await settled()
  t.strictSame(dropped, ['late a'])
})

t.test('an old failure does not hurry the next while a newer question is under way', async t => {
  const { asked, pending, time, answer } = makeCandidates(['a', 'b', 'c'])
  time.advance(300)
  pending.get('a')?.reject(fail('a'))
  await settled()
  t.strictSame(asked, ['a', 'b'])
  pending.get('b')?.reject(fail('b'))
  await settled()
  t.strictSame(asked, ['a', 'b', 'c'])
  pending.get('c')?.reject(fail('c'))
  await t.rejects(answer, { message: 'c' }, 'the last one is the registry itself')
})

t.test('those known to be down are passed over', async t => {
  const { asked, pending, answer } = makeCandidates(['a', 'b'], ['a'])
  t.strictSame(asked, ['b'])
  pending.get('b')?.resolve('from b')
  t.equal(await answer, 'from b')
})

t.test('with all known to be down nobody is asked', async t => {
  const { asked, answer } = makeCandidates(['a', 'b'], ['a', 'b'])
  await t.rejects(answer, { message: 'b is known to be down' })
  t.strictSame(asked, [])
})

t.test('when the registry itself is known to be down, its mirror cannot speak for it', async t => {
  const { pending, answer } = makeCandidates(['a', 'b'], ['b'])
  pending.get('a')?.reject(new UpstreamFailure('not-found', 'not-found', 'not in a'))
  await t.rejects(answer, { message: 'b is known to be down' })
})

t.test(
  'whose answer broke off comes after the others, and the registry itself still speaks last',
  async t => {
    const { asked, pending, answer } = makeCandidates(['a', 'b', 'c'], [], ['c', 'a'])
    pending.get('b')?.reject(fail('b'))
    await settled()
    pending.get('c')?.reject(new UpstreamFailure('not-found', 'not-found', 'not in c'))
    await settled()
    pending.get('a')?.reject(fail('a'))
    await t.rejects(answer, { message: 'not in c' })
    t.strictSame(asked, ['b', 'c', 'a'])
  },
)
