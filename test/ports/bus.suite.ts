import type { Test } from 'tap'
import { maxBusBytes, type Verdict } from '../../src/ports/bus.ts'
import { until } from '../system/support/process.ts'
import {
  dial,
  failureOf,
  isNeighbour,
  join,
  type Listener,
  listen,
  type OpenNetwork,
  soon,
} from './bus.support.ts'

/** Every promise that a bus makes, one subtest each. */
export function testBus(t: Test, open: OpenNetwork): void {
  testMessages(t, open)
  testVerdicts(t, open)
  testNeighbours(t, open)
  testGreetings(t, open)
  testKeys(t, open)
  testKeysInCommon(t, open)
  testEnds(t, open)
}

async function several(t: Test, open: OpenNetwork, count: number): Promise<Listener[]> {
  const start = await open(t)
  const nodes: Listener[] = []
  while (nodes.length < count) nodes.push(await listen(t, start))
  return nodes
}

/** A line: each is the neighbour of the next. */
async function line(t: Test, open: OpenNetwork): Promise<[Listener, Listener, Listener]> {
  const [first, second, third] = (await several(t, open, 3)) as [Listener, Listener, Listener]
  await join(first, second)
  await join(third, second)
  return [first, second, third]
}

async function pair(t: Test, open: OpenNetwork): Promise<[Listener, Listener]> {
  const [one, other] = (await several(t, open, 2)) as [Listener, Listener]
  await join(one, other)
  return [one, other]
}

function testMessages(t: Test, open: OpenNetwork): void {
  t.test('a node alone tells nobody, and that is no error', async t => {
    const [alone] = (await several(t, open, 1)) as [Listener]
    t.equal(await alone.say('hello'), 0)
    t.strictSame(alone.bus.neighbours(), [])
    t.match(alone.address, /:\d+$/)
  })

  t.test('what is published right after joining arrives, both ways', async t => {
    const [one, other] = (await several(t, open, 2)) as [Listener, Listener]
    const back = new Promise<void>(resolve =>
      other.bus.onNeighbour(({ kind }) => {
        if (kind === 'joined') resolve(other.say('from the dialled').then(() => undefined))
      }),
    )
    t.equal(await dial(one, other), other.id)
    t.equal(await one.say('from the dialler'), 1)
    await other.hears('from the dialler')
    await back
    await one.hears('from the dialled')
    t.strictSame(
      other.heard.map(({ from }) => from),
      [one.id],
    )
  })

  t.test('nobody is told what he said himself', async t => {
    const [one, other] = await pair(t, open)
    await one.say('mine')
    await other.hears('mine')
    await other.say('yours')
    await one.hears('yours')
    t.notOk(one.heard.some(({ text }) => text === 'mine'))
  })

  t.test('nodes in a line reach each other through the one between', async t => {
    const [first, second, third] = await line(t, open)
    await first.say('along the line')
    await third.hears('along the line')
    t.strictSame(third.heard, [{ text: 'along the line', from: second.id }])
    await third.say('and back')
    await first.hears('and back')
  })

  t.test('six nodes in a ring hear everything once', async t => {
    const nodes = await several(t, open, 6)
    await Promise.all(nodes.map((node, at) => join(node, nodes[(at + 1) % 6] ?? node)))
    const texts = nodes.flatMap((_, at) => [`${at} a`, `${at} b`, `${at} c`])
    for (const text of texts) await nodes[Number(text[0])]?.say(text)
    for (const [at, node] of nodes.entries()) {
      const wanted = texts.filter(text => !text.startsWith(`${at}`))
      await until('all is heard', () => node.heard.length >= wanted.length)
      t.strictSame(node.heard.map(({ text }) => text).toSorted(), wanted)
    }
  })

  t.test('the same bytes again are no news', async t => {
    const [one, other] = await pair(t, open)
    t.equal(await one.say('once'), 1)
    t.equal(await one.say('once'), 0)
    await one.say('last')
    await other.hears('last')
    t.strictSame(
      other.heard.map(({ text }) => text),
      ['once', 'last'],
    )
  })

  t.test('64 KiB are a message, and one byte more is none', async t => {
    const [one, other] = await pair(t, open)
    await one.say('x'.repeat(maxBusBytes))
    await other.hears('x'.repeat(maxBusBytes))
    await t.rejects(one.say('x'.repeat(maxBusBytes + 1)), RangeError)
    t.equal(other.heard.length, 1)
  })

  t.test('binary bytes arrive as they are', async t => {
    const [one, other] = await pair(t, open)
    const { promise, resolve } = Promise.withResolvers<Uint8Array>()
    other.bus.judge(message => {
      resolve(message)
      return 'accept'
    })
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
    await one.bus.publish(bytes)
    t.strictSame(Buffer.from(await promise), Buffer.from(bytes))
  })
}

function testVerdicts(t: Test, open: OpenNetwork): void {
  const never = () => new Promise<'accept'>(() => {})
  const bad: Readonly<Record<string, () => Verdict | Promise<Verdict>>> = {
    'what is ignored': () => 'ignore',
    'what is rejected': () => 'reject',
    'what the judge throws at': () => {
      throw new Error('I do not know')
    },
    'what the judge rejects with an error': () => Promise.reject(new Error('I do not know')),
    'what the judge ponders for more than 100 ms': never,
  }

  for (const [what, verdict] of Object.entries(bad)) {
    t.test(`${what} goes no further`, async t => {
      const [first, second, third] = await line(t, open)
      second.verdicts.set('bad', verdict)
      await first.say('bad')
      await second.hears('bad')
      if (verdict === never) await new Promise(resolve => setTimeout(resolve, 150))
      await first.say('good')
      await third.hears('good')
      t.strictSame(
        third.heard.map(({ text }) => text),
        ['good'],
      )
    })
  }

  t.test('an accepted message is judged once, however many tell it', async t => {
    const nodes = (await several(t, open, 4)) as [Listener, Listener, Listener, Listener]
    for (const [at, one] of nodes.entries()) {
      for (const other of nodes.slice(at + 1)) await join(one, other)
    }
    const [first, ...others] = nodes
    await first.say('everywhere')
    await Promise.all(others.map(other => other.hears('everywhere')))
    await first.say('later')
    await Promise.all(others.map(other => other.hears('later')))
    for (const { heard } of others) t.equal(heard.length, 2)
    t.equal(first.heard.length, 0)
  })
}

function testNeighbours(t: Test, open: OpenNetwork): void {
  t.test('a neighbour is told with address, direction and key', async t => {
    const [one, other] = await pair(t, open)
    const { id: keyId } = one.keys.current()[0] ?? { id: '' }
    t.match(one.bus.neighbours(), [
      { id: other.id, address: other.address, direction: 'outbound', keyId, sinceMs: Number },
    ])
    t.match(other.bus.neighbours(), [{ id: one.id, direction: 'inbound', keyId }])
    t.strictSame(one.changes, [{ kind: 'joined', id: other.id }])
    t.strictSame(other.changes, [{ kind: 'joined', id: one.id }])
  })

  t.test('dialling a neighbour once more changes nothing, from either side', async t => {
    const [one, other] = await pair(t, open)
    t.equal(await dial(one, other), other.id)
    t.equal(await dial(other, one), one.id)
    t.equal(one.bus.neighbours().length, 1)
    t.equal(other.bus.neighbours().length, 1)
    await one.say('still')
    await other.hears('still')
    await other.say('here')
    await one.hears('here')
    t.equal(one.changes.length, 1)
    t.equal(other.changes.length, 1)
  })

  t.test('two that dial each other at the same moment are neighbours once', async t => {
    const [one, other] = (await several(t, open, 2)) as [Listener, Listener]
    await Promise.all([dial(one, other), dial(other, one)])
    await until('both are', () => isNeighbour(one, other) && isNeighbour(other, one))
    t.equal(one.bus.neighbours().length, 1)
    await one.say('one way')
    await other.hears('one way')
    await other.say('the other way')
    await one.hears('the other way')
    t.strictSame(one.changes, [{ kind: 'joined', id: other.id }])
    t.strictSame(other.changes, [{ kind: 'joined', id: one.id }])
  })

  t.test('who dials himself is told so', async t => {
    const [one] = (await several(t, open, 1)) as [Listener]
    one.bus.onTwin(() => t.fail('it took itself for another'))
    t.match(await failureOf(dial(one, one)), { name: 'BusFailure', code: 'self' })
  })

  t.test('where nobody listens nobody answers', async t => {
    const [one, gone] = (await several(t, open, 2)) as [Listener, Listener]
    await gone.bus.close()
    t.match(await failureOf(dial(one, gone)), { name: 'BusFailure', code: 'unreachable' })
    for (const address of ['', 'nowhere', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:99999', '::1:5']) {
      t.match(await failureOf(dial(one, { address })), { code: 'unreachable' }, address)
    }
  })

  t.test('a dial that is called off fails', async t => {
    const [one, other] = (await several(t, open, 2)) as [Listener, Listener]
    const failure = await failureOf(one.bus.dial(other.address, AbortSignal.abort()))
    t.match(failure, { name: 'BusFailure', code: 'unreachable' })
    t.strictSame(one.bus.neighbours(), [])
  })

  t.test('who is hung up on is gone on both sides, and can be dialled again', async t => {
    const [one, other] = await pair(t, open)
    await one.bus.hangUp(other.id)
    await until('both left', () => one.changes.length === 2 && other.changes.length === 2)
    t.strictSame(one.changes[1], { kind: 'left', id: other.id })
    t.strictSame(other.changes[1], { kind: 'left', id: one.id })
    t.equal(await one.say('nobody there'), 0)
    await join(other, one)
    await one.say('there again')
    await other.hears('there again')
    t.notOk(other.heard.some(({ text }) => text === 'nobody there'))
  })

  t.test('hanging up on a stranger does nothing', async t => {
    const [one] = (await several(t, open, 1)) as [Listener]
    await one.bus.hangUp('0'.repeat(64))
    t.strictSame(one.changes, [])
  })

  t.test('who stops listening for neighbours is told nothing more', async t => {
    const [one, other] = (await several(t, open, 2)) as [Listener, Listener]
    let told = 0
    const stop = one.bus.onNeighbour(() => {
      told += 1
    })
    await join(one, other)
    stop()
    await one.bus.hangUp(other.id)
    await until('it left', () => one.changes.length === 2)
    t.equal(told, 1)
  })
}

function testGreetings(t: Test, open: OpenNetwork): void {
  t.test('a greeting is answered, in either direction', async t => {
    const [one, other] = await pair(t, open)
    for (const node of [one, other]) {
      node.bus.answerGreetings(async (greeting, from) =>
        Buffer.from(`${from.slice(0, 8)} said ${Buffer.from(greeting).toString()}`),
      )
    }
    const asked = async (from: Listener, to: Listener) =>
      Buffer.from(await from.bus.greet(to.id, Buffer.from('hi'), soon())).toString()
    t.equal(await asked(one, other), `${one.id.slice(0, 8)} said hi`)
    t.equal(await asked(other, one), `${other.id.slice(0, 8)} said hi`)
  })

  t.test('greetings and answers hold 0 to 64 KiB', async t => {
    const [one, other] = await pair(t, open)
    other.bus.answerGreetings(async greeting => greeting)
    for (const size of [0, 1, maxBusBytes]) {
      const greeting = Buffer.alloc(size, 7)
      t.strictSame(Buffer.from(await one.bus.greet(other.id, greeting, soon())), greeting)
    }
    const tooLong = Buffer.alloc(maxBusBytes + 1)
    await t.rejects(one.bus.greet(other.id, tooLong, soon()), RangeError)
    other.bus.answerGreetings(async () => tooLong)
    t.match(await failureOf(one.bus.greet(other.id, Buffer.of(1), soon())), { name: 'BusFailure' })
  })

  t.test('a greeting nobody answers fails, and the neighbour stays', async t => {
    const [one, other] = await pair(t, open)
    const greet = (signal = soon()) => failureOf(one.bus.greet(other.id, Buffer.of(1), signal))
    t.match(await greet(), { name: 'BusFailure' }, 'no one is there to answer')
    other.bus.answerGreetings(() => Promise.reject(new Error('a secret of ours')))
    const failure = await greet()
    t.match(failure, { name: 'BusFailure' })
    t.notMatch(failure.message, /secret/)
    other.bus.answerGreetings(() => new Promise(() => {}))
    const calledOff = new AbortController()
    const silence = greet(calledOff.signal)
    setImmediate(() => calledOff.abort())
    t.match(await silence, { name: 'BusFailure' }, 'called off')
    t.ok(isNeighbour(one, other))
    await one.say('still')
    await other.hears('still')
  })

  t.test('who is no neighbour cannot be greeted', async t => {
    const [one, other] = (await several(t, open, 2)) as [Listener, Listener]
    t.match(await failureOf(one.bus.greet(other.id, Buffer.of(1), soon())), { name: 'BusFailure' })
  })
}

/** For buses that give nothing up while a machine stands still. */
export function testStandingStill(t: Test, open: OpenNetwork): void {
  t.test('a key is changed while the machine stands still now and then', t =>
    changeKeys(t, open, async () => {
      for (const goesOnMs of [0, 7, 14, 21]) {
        await new Promise(resolve => setTimeout(resolve, goesOnMs))
        const endMs = performance.now() + 1_500
        while (performance.now() < endMs);
      }
    }),
  )
}

function testKeys(t: Test, open: OpenNetwork): void {
  t.test('who has another key is refused, both ways and at once', async t => {
    const start = await open(t)
    const member = await listen(t, start, 'ours')
    const stranger = await listen(t, start, 'theirs')
    for (const [from, to] of [
      [member, stranger],
      [stranger, member],
    ] as const) {
      const beganMs = performance.now()
      t.match(await failureOf(dial(from, to)), { name: 'BusFailure', code: 'refused' })
      t.ok(performance.now() - beganMs < 5_000, 'long before the dial would be given up')
    }
    t.strictSame([...member.changes, ...stranger.changes], [])
  })

  t.test('a key is changed in three steps, and nobody loses a neighbour or a word', t =>
    changeKeys(t, open),
  )

  t.test('a dropped key drops who has no other', async t => {
    const start = await open(t)
    const one = await listen(t, start, 'leaked')
    const thief = await listen(t, start, 'leaked')
    await join(thief, one)
    one.keys.set('good')
    await until('the thief is out', () => !isNeighbour(one, thief) && !isNeighbour(thief, one))
    t.match(await failureOf(dial(thief, one)), { code: 'refused' })
    t.match(await failureOf(dial(one, thief)), { code: 'refused' })
  })
}

/** Changes the key of three nodes that talk with each other. */
async function changeKeys(t: Test, open: OpenNetwork, meanwhile = async () => {}) {
  const start = await open(t)
  const nodes: Listener[] = []
  while (nodes.length < 3) nodes.push(await listen(t, start, 'old'))
  const [first, second, third] = nodes as [Listener, Listener, Listener]
  await join(first, second)
  await join(second, third)
  await join(third, first)
  const said = nodes.map(node => keepTalking(node))
  for (const { keys } of nodes) keys.set('old', 'new')
  for (const { keys } of nodes) keys.set('new', 'old')
  await meanwhile()
  const newId = first.keys.current()[0]?.id
  await until('all use the new key', () =>
    nodes.every(({ bus }) => bus.neighbours().every(({ keyId }) => keyId === newId)),
  )
  for (const { keys } of nodes) keys.set('new')
  const texts = (await Promise.all(said.map(talk => talk.end()))).flat()
  for (const node of nodes) {
    const wanted = texts.filter(text => !text.startsWith(node.id))
    await until('all is heard', () => node.heard.length >= wanted.length)
    t.strictSame(node.heard.map(({ text }) => text).toSorted(), wanted.toSorted())
  }
  const kinds = nodes.map(({ changes }) => changes.map(({ kind }) => kind))
  t.strictSame(kinds, Array(3).fill(['joined', 'joined']))
}

function testKeysInCommon(t: Test, open: OpenNetwork): void {
  t.test('one key in common is enough, and the dialler’s first is taken', async t => {
    const start = await open(t)
    const both = await listen(t, start, 'new', 'old')
    const old = await listen(t, start, 'old')
    const fresh = await listen(t, start, 'new')
    await join(old, both)
    await join(both, fresh)
    const idOf = (node: Listener) => node.keys.current()[0]?.id
    const keyOf = (node: Listener) => both.bus.neighbours().find(({ id }) => id === node.id)?.keyId
    t.equal(keyOf(old), idOf(old))
    t.equal(keyOf(fresh), idOf(fresh))
    await old.say('through both')
    await fresh.hears('through both')
  })

  t.test('a dropped key drops whom it let in, and nobody else', async t => {
    const start = await open(t)
    const one = await listen(t, start, 'good', 'leaked')
    const thief = await listen(t, start, 'leaked')
    const member = await listen(t, start, 'good')
    await join(thief, one)
    await join(member, one)
    one.keys.set('good')
    await until('the thief is out', () => !isNeighbour(one, thief) && !isNeighbour(thief, one))
    t.match(await failureOf(dial(thief, one)), { code: 'refused' })
    t.match(await failureOf(dial(one, thief)), { code: 'refused' })
    await member.say('among us')
    await one.hears('among us')
    t.notOk(thief.heard.some(({ text }) => text === 'among us'))
    t.strictSame(member.changes, [{ kind: 'joined', id: one.id }])
  })
}

/** Says something each 10 ms, and for a while after it was told to end. */
function keepTalking(node: Listener): { end(): Promise<readonly string[]> } {
  const texts: string[] = []
  let left = Number.POSITIVE_INFINITY
  const talking = (async () => {
    for (; left > 0; left -= 1) {
      const text = `${node.id} ${texts.length}`
      texts.push(text)
      await node.say(text)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  })()
  return {
    async end() {
      left = 30
      await talking
      return texts
    },
  }
}

function testEnds(t: Test, open: OpenNetwork): void {
  t.test('who closes has left, and does nothing any more', async t => {
    const [one, other] = await pair(t, open)
    await one.bus.close()
    await one.bus.close()
    await until('it left', () => other.changes.length === 2)
    t.strictSame(other.changes[1], { kind: 'left', id: one.id })
    t.strictSame(other.bus.neighbours(), [])
    t.strictSame(one.bus.neighbours(), [])
    t.match(await failureOf(one.say('hello')), { name: 'BusFailure', code: 'closed' })
    t.match(await failureOf(dial(one, other)), { name: 'BusFailure', code: 'closed' })
    const greeting = one.bus.greet(other.id, Buffer.of(1), soon())
    t.match(await failureOf(greeting), { name: 'BusFailure', code: 'closed' })
    await one.bus.hangUp(other.id)
  })
}
