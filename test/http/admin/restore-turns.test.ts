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
import { startAdmin } from './support.ts'

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
  t.match(second, { status: 409, body: { detail: /restores another backup/ } })
  letGo()
  t.strictSame(outcomes((await first).body), ['keep changed'])
  t.strictSame(outcomes((await ask(path, post(document))).body), ['keep changed'], 'and the next')
})
