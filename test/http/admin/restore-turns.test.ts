import { once } from 'node:events'
import { request } from 'node:http'
import t from 'tap'
import {
  bookOf,
  listen,
  nothing,
  outcomes,
  path,
  pinEntry,
  pinned,
  post,
} from './backup-support.ts'
import { keyOf, startAdmin } from './support.ts'

t.test('others have their turn while many entries are read, restored and told', async t => {
  const spinMs = 2
  const spin = (): void => {
    const untilMs = performance.now() + spinMs
    while (performance.now() < untilMs);
  }
  const states = Array.from({ length: 100 }, () => pinned())
  const { ask } = await startAdmin(t, {
    pinBook: {
      ...bookOf(undefined),
      get: () => void spin(),
      *each() {
        for (const state of states) {
          spin()
          yield state
        }
      },
    },
  })
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  t.teardown(() => clearInterval(timer))
  const pins = states.map((_, i) => ({ ...pinEntry, reference: `reg.lab/lab/app:${i}` }))
  t.match(await ask(`${path}?dryRun=true`, post({ ...nothing, pins })), { status: 200 })
  t.ok(turns >= 10, `${turns} in a restore`)
  turns = 0
  t.match(await ask('/api/v1/backup'), { status: 200, body: { pins: { length: 100 } } })
  t.ok(turns >= 10, `${turns} in a backup`)
})

t.test('a node restores one backup at a time', async t => {
  const { set } = listen()
  const { promise: isLet, resolve: letGo } = Promise.withResolvers<void>()
  const { promise: hasBegun, resolve: begin } = Promise.withResolvers<void>()
  const { ask } = await startAdmin(t, {
    keeps: {
      find: () => undefined,
      async set(...given) {
        begin()
        await isLet
        return set(...given)
      },
      remove: set,
    },
  })
  const document = { ...nothing, keeps: [{ pattern: 'docker.io/**' }] }
  const first = ask(path, post(document))
  await hasBegun
  const second = await ask(`${path}?dryRun=true`, post(document))
  t.match(second, { status: 409, body: { detail: /another one: wait for it/ } })
  letGo()
  t.strictSame(outcomes((await first).body), ['keep changed'])
  t.strictSame(outcomes((await ask(path, post(document))).body), ['keep changed'], 'and the next')
})

/** That many pins, with long notes. */
const manyPins = (count: number, note: string) => ({
  ...bookOf(undefined),
  *each() {
    for (let i = 0; i < count; i += 1) yield pinned({ key: keyOf(`v${i}`), note })
  },
})

t.test('what a backup gives a restore takes, also of twenty thousand pins', async t => {
  const count = 20_000
  const { ask } = await startAdmin(t, { pinBook: manyPins(count, 'as tested '.repeat(40)) })
  const { body, status } = await ask('/api/v1/backup')
  t.equal(status, 200)
  const { pins } = body as { pins: { reference: string }[] }
  t.equal(pins.length, count)
  t.ok(JSON.stringify(body).length > 10_000_000)
  const { items, next } = await ask(`${path}?dryRun=true`, post(body)).then(
    answer => answer.body as { items: { outcome: string }[]; next?: number },
  )
  t.ok(items.length > 100)
  t.ok(items.every(({ outcome }) => outcome === 'would-change'))
  t.equal(next ?? count, items.length, 'the rest is to be sent again')
})

t.test('no backup is given that no restore would take', async t => {
  const { ask } = await startAdmin(t, { pinBook: manyPins(70_000, 'n'.repeat(1_000)) })
  const { status, body } = await ask('/api/v1/backup')
  t.equal(status, 409)
  t.match(body, { detail: /more than the 16 MiB that can be restored: remove pins/ })
})

t.test('entries of a kind are said at once, so that they become durable together', async t => {
  const { set } = listen()
  let atWork = 0
  let most = 0
  const { ask } = await startAdmin(t, {
    pinBook: bookOf(undefined),
    pins: {
      async set(...given) {
        atWork += 1
        most = Math.max(most, atWork)
        await new Promise(resolve => setImmediate(resolve))
        atWork -= 1
        return set(...given)
      },
      remove: set,
    },
  })
  const pins = Array.from({ length: 100 }, (_, i) => ({
    ...pinEntry,
    reference: `reg.lab/lab/app:${i}`,
  }))
  const { body } = await ask(path, post({ ...nothing, keeps: [{ pattern: 'a/**' }], pins }))
  t.equal(outcomes(body).filter(one => one === 'pin changed').length, 100)
  t.ok(most > 4 && most <= 16, `${most} at once`)
})

t.test('of who may not restore nothing is read', async t => {
  const { port, setTokens } = await startAdmin(t)
  const token = 'looks-uOa0T9IgRa7XqJqVw0X1Xw'
  await setTokens(`${token} read the bridge\n`)
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': 1_000_000,
  }
  const asking = request({ host: '127.0.0.1', port, path, method: 'POST', headers, agent: false })
  t.teardown(() => asking.destroy())
  asking.on('error', () => {})
  // Its body never comes, and the answer does not wait for it.
  asking.write('{')
  const [response] = await once(asking, 'response')
  t.equal(response.statusCode, 403)
})
