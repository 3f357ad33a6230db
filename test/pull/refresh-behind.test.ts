import { once } from 'node:events'
import t, { type Test } from 'tap'
import { formatTag, type TagReference } from '../../src/oci/reference.ts'
import { createRefreshBehind } from '../../src/pull/refresh-behind.ts'
import { createFakeUpstream } from '../support/fake-upstream.ts'
import { key } from '../support/ladder-parts.ts'

function setUp(t: Test, options: { readonly mayAsk?: () => boolean } = {}) {
  const upstream = createFakeUpstream()
  const asked: string[] = []
  const bell = new EventTarget()
  const refresh = createRefreshBehind(
    {
      upstream,
      mayAsk: options.mayAsk ?? (() => true),
      askUpstream: async (about: TagReference, { leavesRest = false } = {}) => {
        asked.push(`${formatTag(about)}${leavesRest ? ', not the rest' : ''}`)
        bell.dispatchEvent(new Event('asked'))
        return { answer: new Promise<never>(() => {}), named: () => undefined }
      },
    },
    { everyMs: 10 },
  )
  const awake = setInterval(() => {}, 1_000) // its timers alone keep no process alive
  t.teardown(() => {
    refresh.close()
    clearInterval(awake)
  })
  return { upstream, asked, refresh, next: () => once(bell, 'asked') }
}

t.test('a tag is asked again once, however often it is wanted', async t => {
  const { asked, refresh, next } = setUp(t)
  for (let n = 0; n < 5; n++) refresh.want(key)
  await next()
  t.same(asked, ['reg.test/app:latest'])
})

t.test('the rest of an image is left to those who asked, if all of them leave it', async t => {
  const { asked, refresh, next } = setUp(t)
  const other = { ...key, tag: 'other' }
  refresh.want(key, { leavesRest: true })
  refresh.want(other, { leavesRest: true })
  refresh.want(other)
  refresh.want(other, { leavesRest: true })
  await next()
  await next()
  t.same(asked, ['reg.test/app:latest, not the rest', 'reg.test/app:other'])
})

t.test('what is down waits until it recovers, and holds up nobody else', async t => {
  const { upstream, asked, refresh, next } = setUp(t)
  upstream.setReach('down.test', { state: 'down', sinceMs: 0, failure: 'unreachable' })
  refresh.want({ ...key, registry: 'down.test' })
  refresh.want(key)
  await next()
  t.same(asked, ['reg.test/app:latest'])
  const asking = next()
  upstream.recover('down.test')
  await asking
  t.same(asked, ['reg.test/app:latest', 'down.test/app:latest'])
})

t.test('mode offline asks nobody, and forgets what was wanted', async t => {
  let mayAsk = false
  const { asked, refresh, next } = setUp(t, { mayAsk: () => mayAsk })
  refresh.want(key)
  await new Promise(done => setTimeout(done, 30)) // three times its pace: it had its chance
  mayAsk = true
  const asking = next()
  refresh.want({ ...key, tag: 'other' })
  await asking
  t.same(asked, ['reg.test/app:other'])
})
