import t from 'tap'
import {
  encodeDigests,
  encodeLack,
  encodePut,
  hashDigests,
  shardOf,
} from '../../src/mesh/index-message.ts'
import { startIndexNode } from '../../src/mesh/index-node.ts'
import { createShardOwners } from '../../src/mesh/index-owners.ts'
import { createIndexQuestions } from '../../src/mesh/index-questions.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { silentLog } from '../../src/ports/log.ts'
import { type PeerClient, PeerFailure } from '../../src/ports/peer-port.ts'
import { content, digest, openMany, openMesh, openTen } from './index-mesh.ts'

const { signal } = new AbortController()

t.test('everybody agrees on who keeps a shard', async t => {
  const { nodes } = openMesh(t, ['a', 'b', 'c', 'd', 'e'])
  for (let shard = 0; shard < 256; shard += 1) {
    const views = nodes.map(({ members }) => createShardOwners(members)(shard))
    for (const view of views) t.strictSame(view, views[0])
    t.equal(views[0]?.length, 3)
  }
})

t.test('what a node holds is found by all, in one hop', async t => {
  const { time, holder, asker, calls } = openTen(t)
  await holder.store.put(digest, content)
  await time.pass(200)
  t.equal(calls('index/put').length, 3, 'its three owners are told')
  t.strictSame(await asker.find(), [holder.id])
  t.equal(calls('index/find').length, 3)
  t.equal(calls('index/have').length, 0)
  t.strictSame(await asker.find(), [holder.id])
  t.equal(calls('index/find').length, 3, 'for a while it is remembered')
})

t.test('what was asked for in vain is found as soon as it is there', async t => {
  for (const names of [
    ['a', 'b', 'c'],
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
  ]) {
    const { time, node } = openMesh(t, names)
    t.strictSame(await node(0).find(), [])
    await node(1).store.put(digest, content)
    await time.pass(100)
    t.strictSame(await node(0).find(), [node(1).id], `of ${names.length}`)
  }
})

t.test('a holder that loses it is not offered any more', async t => {
  const { time, holder, asker, third, keepers } = openTen(t)
  await holder.store.put(digest, content)
  await third.store.put(digest, content)
  await time.pass(200)
  await holder.store.delete(digest)
  await time.pass(1)
  t.strictSame(await asker.find(), [third.id])
  for (const keeper of keepers) t.equal(keeper.size(), 1)
})

t.test('a stale entry is reported, checked and dropped, and hides nobody', async t => {
  const { time, holder, asker, third, calls } = openTen(t)
  await holder.store.put(digest, content)
  await third.store.put(digest, content)
  await time.pass(200)
  const before = calls('index/have').length
  t.strictSame([...(await asker.find())].sort(), [holder.id, third.id].sort())
  asker.holders.lacks(third.id, digest)
  t.strictSame(await asker.find(), [holder.id])
  await time.settle()
  t.ok(calls('index/have').length > before, 'its owners asked the accused')
  await time.pass(20_000)
  t.strictSame(
    [...(await asker.find())].sort(),
    [holder.id, third.id].sort(),
    'who holds it after all',
  )
})

t.test('a dead holder is forgotten at once, and by the owners when it is reported', async t => {
  const { time, lab, holder, asker, third, keepers } = openTen(t)
  await holder.store.put(digest, content)
  await third.store.put(digest, content)
  await time.pass(200)
  lab.kill(third.id)
  asker.holders.lacks(third.id, digest)
  await time.settle()
  for (const keeper of keepers) {
    const told = await keeper.find()
    t.strictSame(told, [holder.id])
  }
  lab.kill(holder.id)
  lab.say(holder.id, { state: 'gone' })
  for (const keeper of keepers) {
    t.strictSame(await keeper.find(), [])
    t.equal(keeper.size(), 1, 'it may only have been unheard here')
  }
  await Promise.all([holder.close(), third.close()])
  await time.pass(30 * 60_000)
  for (const keeper of keepers) t.equal(keeper.size(), 0)
})

t.test('who was found a moment ago and is dead by now hides nobody who has it since', async t => {
  const { time, lab, holder, third, asker, calls } = openTen(t)
  await holder.store.put(digest, content)
  await time.pass(200)
  t.strictSame(await asker.find(), [holder.id])
  await third.store.put(digest, content)
  await time.pass(200)
  lab.kill(holder.id)
  lab.say(holder.id, { state: 'gone' })
  t.strictSame(await asker.find(), [third.id])

  // With nobody left it is not asked for with every question.
  lab.kill(third.id)
  lab.say(third.id, { state: 'gone' })
  t.strictSame(await asker.find(), [])
  const asked = calls('index/find').length
  const finding = [1, 2, 3].map(() => asker.holders.find([digest], signal))
  t.strictSame(
    (await Promise.all(finding)).map(found => found.size),
    [0, 0, 0],
  )
  t.equal(calls('index/find').length, asked)
})

t.test('an owner that is dead or stands still hides nobody', async t => {
  for (const fault of ['kill', 'freeze'] as const) {
    const { time, lab, holder, asker, keepers } = openTen(t)
    await holder.store.put(digest, content)
    await time.pass(200)
    for (const keeper of keepers.slice(0, 2)) lab[fault](keeper.id)
    t.strictSame(await asker.find(), [holder.id], fault)
  }
})

t.test('when owners change, the new ones are told', async t => {
  const { time, lab, holder, asker, keepers, calls } = openTen(t)
  await holder.store.put(digest, content)
  await time.pass(200)
  const before = calls('index/put').length
  for (const keeper of keepers) {
    lab.kill(keeper.id)
    lab.say(keeper.id, { state: 'gone' })
  }
  await time.pass(200)
  t.ok(calls('index/put').length - before >= 2, 'the holder may be one of them itself')
  t.strictSame(await asker.find(), [holder.id])
})

t.test(
  'an unchanged holding is refreshed by its hash, and ends with its lease without',
  async t => {
    const { time, lab, holder, asker, keepers, calls } = openTen(t)
    await holder.store.put(digest, content)
    await time.pass(200)
    const before = calls('index/put').length
    await time.pass(30 * 60_000)
    t.ok(calls('index/put').length > before)
    for (const keeper of keepers) t.equal(keeper.size(), 1)
    t.strictSame(await asker.find(), [holder.id])
    lab.kill(holder.id)
    await holder.close()
    await time.pass(30 * 60_000)
    for (const keeper of keepers) t.equal(keeper.size(), 0)
  },
)

t.test('an owner that lost its memory asks for all', async t => {
  const { time, lab, holder, keepers, calls } = openTen(t)
  await holder.store.put(digest, content)
  await time.pass(200)
  const [keeper] = keepers
  if (keeper === undefined) throw new Error('no owner')
  const members = lab.members(keeper.id)
  const parts = { store: keeper.store, members, client: lab.client(keeper.id), ...time }
  const fresh = startIndexNode({ ...parts, random: () => 0.5, log: silentLog }, { zone: undefined })
  t.teardown(() => fresh.close())
  lab.serve(keeper.id, { answers: fresh.answers })
  await time.pass(13 * 60_000)
  t.equal(fresh.size(), 1)
  t.ok(calls('index/put').length > 3)
})

t.test('a node that stops withdraws what it holds', async t => {
  const { time, holder, asker, keepers } = openTen(t)
  await holder.store.put(digest, content)
  await time.pass(200)
  await holder.close()
  for (const keeper of keepers) t.equal(keeper.size(), 0)
  t.strictSame(
    await asker.find(),
    [holder.id],
    'but while it is up, those near are asked themselves',
  )
})

t.test('holders of the own zone come first', async t => {
  const zones = { a: 'east', b: 'west', c: 'east', d: 'west' }
  const { time, node } = openMesh(t, ['a', 'b', 'c', 'd'], zones)
  await node(1).store.put(digest, content)
  await node(2).store.put(digest, content)
  await time.pass(200)
  t.strictSame(await node(0).find(), [node(2).id, node(1).id])
  t.strictSame(await node(3).find(), [node(1).id, node(2).id])
})

t.test('a holder that lied thrice is named for nothing', async t => {
  const { time, node } = openMesh(t, ['a', 'b', 'c'])
  const many = Array.from({ length: 5 }, (_, at) => Buffer.from(`layer ${at}`))
  for (const bytes of many) await node(1).store.put(digestOf(bytes), bytes)
  await time.pass(200)
  for (const bytes of many.slice(0, 3)) {
    t.strictSame(await node(0).find(digestOf(bytes)), [node(1).id])
    node(0).holders.lied(node(1).id, digestOf(bytes))
    t.strictSame(await node(0).find(digestOf(bytes)), [])
  }
  t.strictSame(await node(0).find(digestOf(many[4] ?? Buffer.alloc(0))), [])
})

t.test('one node cannot fill the index, and nonsense does not harm it', async t => {
  const { time, lab, node } = openMesh(t, ['a', 'b'])
  const client = lab.client(node(0).id)
  const options = { signal, timeoutMs: 1_000 }
  const call = (subject: string, question: Uint8Array) =>
    client.call(node(1).id, subject, question, options)
  for (const subject of ['index/put', 'index/find', 'index/have', 'index/lacks']) {
    await t.rejects(call(subject, Buffer.from('nonsense')), { code: 'protocol' })
    await t.rejects(call(subject, Buffer.from('a0', 'hex')), { code: 'protocol' })
  }
  const made = Array.from({ length: 30_000 }, (_, at) => digestOf(Buffer.from(`${at}`)))
  const byShard = Object.groupBy(made, shardOf)
  for (const [shard, digests = []] of Object.entries(byShard)) {
    const hash = hashDigests(digests)
    await call('index/put', encodePut([{ shard: Number(shard), hash, digests }]))
  }
  t.equal(node(1).size(), 20_000)
  const wrong = { shard: (shardOf(digest) + 1) % 256, hash: hashDigests([digest]) }
  await t.rejects(call('index/put', encodePut([{ ...wrong, digests: [digest] }])))
  await call('index/put', encodePut([]))
  t.equal(node(1).size(), 0)
  await t.rejects(call('index/find', encodeDigests(made.slice(0, 257))))
  await call('index/lacks', encodeLack(node(0).id, digest))
  await time.settle()
})

t.test('layers are looked up together', async t => {
  const { time, node, calls } = openMesh(t, ['a', 'b', 'c'])
  const layers = Array.from({ length: 50 }, (_, at) => Buffer.from(`layer ${at}`))
  for (const bytes of layers) await node(1).store.put(digestOf(bytes), bytes)
  await time.pass(200)
  const finding = node(0).holders.find(
    layers.map(bytes => digestOf(bytes)),
    signal,
  )
  await time.pass(60)
  t.equal((await finding).size, 50)
  t.equal(calls('index/find').length, 2, 'one question for each of the two others')
})

t.test('whoever spoke of it is asked, also by who joins a look-up', async t => {
  const { time, lab, asker, last: holder, owners } = openMany(t, [...'abcdefghijklmn'])
  for (const id of owners) lab.serve(id, {})
  await holder.store.put(digest, content)
  t.strictSame(await asker.find(), [], 'it is none of those nearby')
  await time.pass(200)
  const [, said] = await Promise.all([asker.find(), asker.find(digest, holder.id)])
  t.strictSame(said, [holder.id])
})

t.test('an answer that is late is waited for when nobody else can be asked', async t => {
  for (const answersAtAll of [true, false]) {
    const { time, lab, node } = openMesh(t, ['a', 'b'])
    const [asker, holder] = [node(0), node(1)]
    lab.serve(asker.id, {}) // is told nothing: it has to ask
    await holder.store.put(digest, content)
    await time.pass(200)
    const gate = Promise.withResolvers<void>()
    const late = [...holder.answers].map(([subject, answer]) => {
      const answerLate: typeof answer = async (...asked) => {
        await gate.promise
        return answer(...asked)
      }
      return [subject, answerLate] as const
    })
    lab.serve(holder.id, { answers: new Map(late) })
    t.strictSame(await asker.find(), [], 'who has others to ask does not wait')
    const finding = asker.holders.find([digest], signal, { patienceMs: 10_000 })
    if (answersAtAll) gate.resolve()
    await time.pass(answersAtAll ? 3_000 : 10_000)
    const found = (await finding).get(digest)
    t.strictSame(found, answersAtAll ? [holder.id] : undefined)
    gate.resolve()
    await time.settle()
  }
})

t.test('as the last resort those in doubt are asked, too', async t => {
  const { time, lab, node } = openMesh(t, ['a', 'b'])
  const [asker, holder] = [node(0), node(1)]
  lab.serve(asker.id, {})
  await holder.store.put(digest, content)
  await time.pass(200)
  const lastSeenMs = time.clock.monotonicMs()
  lab.say(holder.id, { state: 'suspect', isUnanswered: false, lastSeenMs })
  t.strictSame(await asker.find(), [])
  const finding = asker.holders.find([digest], signal, { patienceMs: 10_000 })
  await time.pass(100)
  t.strictSame((await finding).get(digest), [holder.id])

  lab.say(holder.id, { state: 'suspect', isUnanswered: true })
  t.equal((await asker.holders.find([digest], signal, { patienceMs: 10_000 })).size, 0)
})

t.test('what is promised is held by those who answer', async t => {
  for (const said of ['nothing', 'that it has it', 'that it has it no longer']) {
    const { time, lab, node } = openMesh(t, ['a', 'b'])
    const [asker, holder] = [node(0), node(1)]
    await holder.store.put(digest, content)
    await time.pass(200)
    t.strictSame(await asker.find(), [holder.id], 'it is known to hold it')
    const lastSeenMs = time.clock.monotonicMs()
    lab.say(holder.id, { state: 'suspect', isUnanswered: false, lastSeenMs })
    const believed = await asker.holders.find([digest], signal, { patienceMs: 10_000 })
    t.strictSame(believed.get(digest), [holder.id], 'who tries may try it')

    if (said === 'that it has it no longer') await holder.store.delete(digest)
    const answers = [...holder.answers].map(([subject, answer]) => {
      const answerOrNot: typeof answer = async (...asked) => {
        if (said === 'nothing') throw new PeerFailure('unreachable', 'it is gone')
        lab.say(holder.id, { state: 'alive' })
        return answer(...asked)
      }
      return [subject, answerOrNot] as const
    })
    lab.serve(holder.id, { answers: new Map(answers) })
    const finding = asker.holders.find([digest], signal, { patienceMs: 10_000, mustAnswer: true })
    await time.pass(100)
    const promised = (await finding).get(digest)
    t.strictSame(promised, said === 'that it has it' ? [holder.id] : undefined, said)
  }
})

t.test('who is found out to be silent is waited for no longer', async t => {
  const { time, lab, node } = openMesh(t, ['a', 'b'])
  const [asker, holder] = [node(0), node(1)]
  const never = new Promise<never>(() => {})
  const answers = new Map([...holder.answers].map(([subject]) => [subject, () => never]))
  lab.serve(holder.id, { answers })
  let isOver = false
  const finding = asker.holders.find([digest], signal, { patienceMs: 10_000 })
  finding.then(() => (isOver = true)).catch(() => {})
  await time.pass(4_000)
  t.notOk(isOver)
  lab.say(holder.id, { state: 'suspect', isUnanswered: true })
  await time.pass(1)
  t.ok(isOver)
})

t.test('who was waited for in vain gets a moment the next time', async t => {
  const { time, lab, node } = openMesh(t, ['a', 'b'])
  const [asker, holder] = [node(0), node(1)]
  const timeouts: number[] = []
  const { call } = lab.client(asker.id)
  const client: Pick<PeerClient, 'call'> = {
    call: async (...asked) => {
      timeouts.push(asked[3].timeoutMs)
      if (timeouts.length < 3) throw new PeerFailure('timeout', 'silent')
      return call(...asked)
    },
  }
  const settings = { patienceMs: 10_000, signal }
  const questions = createIndexQuestions({ ...time, members: asker.members, client }, settings)
  for (let at = 0; at < 4; at += 1) await questions.ask(holder.id, 'have', [digest])
  t.strictSame(timeouts, [10_000, 500, 500, 10_000], 'until it answers')
  timeouts.length = 0
  await questions.ask(holder.id, 'have', [digest])
  await time.pass(61_000)
  await questions.ask(holder.id, 'have', [digest])
  t.strictSame(timeouts, [10_000, 10_000], 'or for a minute')
})
