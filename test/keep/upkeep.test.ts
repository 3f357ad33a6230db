import t from 'tap'
import type { Collector } from '../../src/keep/collect.ts'
import type { Scrub } from '../../src/keep/scrub.ts'
import { startUpkeep } from '../../src/keep/upkeep.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { contentOf, createLogBook } from './support.ts'

const nothing = { dryRun: false, bytes: 0, dropped: [], protectedBytes: 0 }
const clean = { checked: 0, bytes: 0, damaged: 0, unreadable: 0 }

function start(
  parts: Partial<Pick<Collector, 'run' | 'isAboveHighWater' | 'reconsider'>> & {
    scrub?: Scrub['run']
  },
  options: Parameters<typeof startUpkeep>[1] = {},
) {
  const store = createMemoryStore()
  const book = createLogBook()
  const collector = {
    run: async () => nothing,
    isAboveHighWater: async () => false,
    reconsider: async () => {},
    ...parts,
  }
  const scrub = { run: parts.scrub ?? (async () => clean) }
  const upkeep = startUpkeep({ store, collector, scrub, log: book.log }, options)
  return { store, book, upkeep }
}

t.test('content that raises the store above high water starts a collection', async t => {
  const collected = Promise.withResolvers<void>()
  const { store, upkeep } = start({
    isAboveHighWater: async () => true,
    run: async () => {
      collected.resolve()
      return nothing
    },
  })
  const { digest, content } = contentOf('a', 10)
  await store.put(digest, content)
  await collected.promise
  await upkeep.close()
  t.pass()
})

t.test(
  'it is looked again and again whether a store that refused something still would',
  async t => {
    const looked = Promise.withResolvers<void>()
    let looks = 0
    const { upkeep, book } = start(
      {
        reconsider: async () => {
          looks += 1
          if (looks === 1) throw new Error('no answer')
          looked.resolve()
        },
      },
      { reconsiderEveryMs: 1 },
    )
    const staysUp = setInterval(() => {}, 1_000)
    await looked.promise
    clearInterval(staysUp)
    await upkeep.close()
    t.equal(book.told('error').length, 1, 'a failure ends nothing')
  },
)

t.test('content that does not, starts none; one question is asked at a time', async t => {
  let asked = 0
  let runs = 0
  const answered = Promise.withResolvers<boolean>()
  const { store, upkeep } = start({
    isAboveHighWater: () => {
      asked += 1
      return answered.promise
    },
    run: async () => {
      runs += 1
      return nothing
    },
  })
  for (const name of 'abcdef') {
    const { digest, content } = contentOf(name, 10)
    await store.put(digest, content)
  }
  t.equal(asked, 1)
  answered.resolve(false)
  await upkeep.close()
  t.equal(runs, 0)
})

t.test('collecting and scrubbing come round by themselves', async t => {
  const twice = {
    collected: Promise.withResolvers<void>(),
    scrubbed: Promise.withResolvers<void>(),
  }
  let runs = 0
  let scrubs = 0
  const { upkeep } = start(
    {
      run: async () => {
        runs += 1
        if (runs === 2) twice.collected.resolve()
        return nothing
      },
      scrub: async () => {
        scrubs += 1
        if (scrubs === 2) twice.scrubbed.resolve()
        return clean
      },
    },
    { collectEveryMs: 1, firstScrubMs: 1, scrubEveryMs: 1 },
  )
  const held = setTimeout(() => {}, 60_000) // its own timers let a process end
  await Promise.all([twice.collected.promise, twice.scrubbed.promise])
  clearTimeout(held)
  await upkeep.close()
  t.pass()
})

t.test('what fails is told, and nothing ends by it', async t => {
  const { store, upkeep, book } = start({
    isAboveHighWater: () => Promise.reject(new Error('no answer')),
  })
  const { digest, content } = contentOf('a', 10)
  await store.put(digest, content)
  await upkeep.close()
  t.strictSame(book.told('error'), ['the store could not be relieved'])
})

t.test('an operator may have both done at once, and closing waits for what he began', async t => {
  const collecting = Promise.withResolvers<void>()
  let isClosed = false
  let scrubs = 0
  const { upkeep, book } = start({
    run: async options => {
      await collecting.promise
      return { ...nothing, dryRun: options?.dryRun === true, bytes: 5 }
    },
    scrub: async () => {
      scrubs += 1
      return clean
    },
  })
  upkeep.scrub()
  t.equal(scrubs, 1)
  const collected = upkeep.collect({ dryRun: true })
  const closing = upkeep.close().then(() => {
    isClosed = true
  })
  await new Promise(resolve => setImmediate(resolve))
  t.notOk(isClosed)
  collecting.resolve()
  t.match(await collected, { dryRun: true, bytes: 5 })
  await closing
  t.strictSame(book.told('error'), [])
})

t.test('who has a collection done is told how it failed', async t => {
  const { upkeep, book } = start({ run: () => Promise.reject(new Error('EIO')) })
  await t.rejects(upkeep.collect({ dryRun: false }), /EIO/)
  await upkeep.close()
  t.strictSame(book.told('error'), [])
})

t.test('closing ends a running scrub and waits for it', async t => {
  const started = Promise.withResolvers<void>()
  let ended = false
  const { upkeep, book } = start(
    {
      scrub: signal =>
        new Promise((_, reject) => {
          started.resolve()
          signal.addEventListener('abort', () => {
            ended = true
            reject(signal.reason)
          })
        }),
    },
    { firstScrubMs: 1 },
  )
  const held = setTimeout(() => {}, 60_000)
  await started.promise
  clearTimeout(held)
  await upkeep.close()
  t.ok(ended)
  t.strictSame(book.told('error'), [])
})
