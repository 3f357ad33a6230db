import t from 'tap'
import { race } from '../../../src/adapters/peer-http/race.ts'

const never = new AbortController().signal
const rules = (headStartMs: number, dropped: unknown[] = []) => ({
  headStartMs,
  pick: (failures: readonly unknown[]) => failures,
  drop: (late: unknown) => void dropped.push(late),
})

t.test('a failed attempt is followed at once, and the first success wins', async t => {
  const started: number[] = []
  const attempt = (number: number, result: () => Promise<string>) => () => {
    started.push(number)
    return result()
  }
  const won = await race(
    [
      attempt(1, () => Promise.reject(new Error('no'))),
      attempt(2, async () => 'yes'),
      attempt(3, async () => 'not needed'),
    ],
    rules(60_000),
    never,
  )
  t.equal(won, 'yes')
  t.same(started, [1, 2])
})

t.test(
  'a silent attempt gets company; who comes second is aborted, and dropped if it came',
  async t => {
    const dropped: unknown[] = []
    const late = Promise.withResolvers<string>()
    const aborted = Promise.withResolvers<void>()
    const won = await race(
      [
        signal => {
          signal.addEventListener('abort', () => aborted.resolve())
          return late.promise
        },
        async () => 'second',
      ],
      rules(1, dropped),
      never,
    )
    t.equal(won, 'second')
    await aborted.promise
    late.resolve('late')
    await new Promise(setImmediate)
    t.same(dropped, ['late'])
  },
)

t.test('all failures are told, in their order, and an abort by its reason', async t => {
  const failing = (text: string) => () => Promise.reject(new Error(text))
  const failures = await race([failing('a'), failing('b')], rules(1), never).catch(all => all)
  t.match(failures, [{ message: 'a' }, { message: 'b' }])
  const abort = new AbortController()
  const racing = race([() => new Promise<string>(() => {})], rules(1), abort.signal)
  abort.abort(new Error('changed my mind'))
  await t.rejects(racing, { message: 'changed my mind' })
})
