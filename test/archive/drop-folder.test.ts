import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bundleNotePath, encodeNote } from '../../src/archive/bundle-note.ts'
import { type DropOutcome, watchDropFolder } from '../../src/archive/drop-folder.ts'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { silentLog } from '../../src/ports/log.ts'
import { makeImage, type TestImage } from '../support/image.ts'
import { createMemoryDrop, createMemoryDropMemory } from '../support/memory-drop.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { tar } from '../support/tar.ts'
import { createImporting, fullName, layoutOf } from './support.ts'

const settings = { settleMs: 2_000, lookMs: 30_000, retryMs: 60_000 }

const archiveOf = (image: TestImage, name = 'docker.io/lab/bb:v1') =>
  tar(layoutOf([{ image, annotations: fullName(name) }]))

const images = ['one', 'two', 'three'].map(salt => makeImage({ salt, platforms: ['linux/amd64'] }))
const [one, two, three] = images as [TestImage, TestImage, TestImage]

async function createScene(t: Test, store = createMemoryStore()) {
  const node = await createImporting(store)
  const drop = createMemoryDrop()
  const memory = createMemoryDropMemory()
  const clock = createMovableClock(Date.parse('2026-11-21T12:00:00Z'))
  const timers = createMovableTimers(clock)
  const outcomes: DropOutcome[] = []
  const pulled: string[] = []
  const unreachable = new Set<string>()
  let pullable = Promise.resolve()
  const start = () =>
    watchDropFolder(
      {
        files: drop,
        memory,
        importArchive: node.importArchive,
        pullImage: async reference => {
          const text = formatReference(reference)
          pulled.push(text)
          await pullable
          return unreachable.has(text) ? 'nobody answers' : undefined
        },
        clock,
        timers,
        log: silentLog,
        onDone: outcome => void outcomes.push(outcome),
      },
      settings,
    )
  let folder = start()
  t.teardown(() => folder.close())
  const { registry, repository } = parseReference('lab/bb:v1')
  return {
    ...node,
    drop,
    outcomes,
    pulled,
    unreachable,
    live: () => node.ledger.live({ registry, repository, tag: 'v1' })?.digest,
    /** Time goes by, with the folder looked at as often as it is. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 1_000) {
        clock.pass(1_000)
        await folder.pass()
        await nextTurn() // lists are pulled beside
      }
    },
    /** Pulls do not go on until what this returns is called. */
    holdPulls() {
      const held = Promise.withResolvers<void>()
      pullable = held.promise
      return held.resolve
    },
    async restart() {
      await folder.close()
      folder = start()
    },
  }
}

t.test('a file that somebody is still writing waits, however long it has not changed', async t => {
  const { drop, outcomes, pass } = await createScene(t)
  drop.put('a.tar', archiveOf(one).subarray(0, 700), 1_000)
  drop.written.add('a.tar')
  await pass(20_000)
  t.strictSame(outcomes, [])
  t.strictSame(drop.opened, [], 'it is not even read')
  drop.put('b.tar', archiveOf(two, 'docker.io/lab/bb:v2'), 2_000)
  await pass(5_000)
  t.strictSame(outcomes, ['imported'], 'others have their turn')
  drop.put('a.tar', archiveOf(one), 3_000)
  drop.written.clear()
  await pass(5_000)
  t.strictSame(outcomes, ['imported', 'imported'])
})

t.test('a file is imported once it has not changed for a while', async t => {
  const scene = await createScene(t)
  const archive = archiveOf(one)
  scene.drop.put('a.tar', archive.subarray(0, 5_000), 1)
  await scene.pass(1_000)
  scene.drop.put('a.tar', archive.subarray(0, 7_000), 2)
  await scene.pass(2_000)
  t.strictSame(scene.drop.opened, [], 'it grows')
  scene.drop.put('a.tar', archive, 3)
  await scene.pass(1_000)
  t.strictSame(scene.drop.opened, [])
  await scene.pass(2_000)
  t.strictSame(scene.outcomes, ['imported'])
  t.equal(scene.live(), one.digest)
})

t.test('once, also after a restart, and again when it changed', async t => {
  const scene = await createScene(t)
  scene.drop.put('a.tar', archiveOf(one), 1)
  await scene.pass(5_000)
  await scene.pass(100_000)
  await scene.restart()
  await scene.pass(5_000)
  t.strictSame(scene.outcomes, ['imported'])
  scene.drop.put('a.tar', archiveOf(two), 2)
  await scene.pass(5_000)
  t.strictSame(scene.outcomes, ['imported', 'imported'])
  t.equal(scene.live(), two.digest)
})

t.test('the oldest first: the newest has the last word', async t => {
  const scene = await createScene(t)
  scene.drop.put('a.tar', archiveOf(three), 30)
  scene.drop.put('b.tar', archiveOf(one), 10)
  scene.drop.put('c.tar', archiveOf(two), 20)
  await scene.pass(5_000)
  t.strictSame(scene.drop.opened, ['b.tar', 'c.tar', 'a.tar'])
  t.equal(scene.live(), three.digest)
})

t.test('a file that was touched or moved brought nothing', async t => {
  const scene = await createScene(t)
  scene.drop.put('old.tar', archiveOf(one), 1)
  scene.drop.put('new.tar', archiveOf(two), 2)
  await scene.pass(5_000)
  scene.drop.put('old.tar', archiveOf(one), 3)
  await scene.pass(5_000)
  scene.drop.move('old.tar', 'done/old.tar')
  await scene.pass(5_000)
  await scene.restart()
  await scene.pass(5_000)
  t.strictSame(scene.outcomes, ['imported', 'imported'])
  t.equal(scene.live(), two.digest, 'the tag did not go back')
})

t.test('another of the same size and time is taken, as builds make them', async t => {
  const scene = await createScene(t)
  const [first, second] = [archiveOf(one), archiveOf(two)]
  t.equal(first.length, second.length)
  scene.drop.put('a.tar', first, 1)
  await scene.pass(5_000)
  await scene.restart()
  scene.drop.put('a.tar', second, 1)
  await scene.pass(5_000)
  t.strictSame(scene.outcomes, ['imported', 'imported'])
  t.equal(scene.live(), two.digest)
})

t.test('a copy beside the first is brought anew', async t => {
  const scene = await createScene(t)
  scene.drop.put('old.tar', archiveOf(one), 1)
  scene.drop.put('new.tar', archiveOf(two), 2)
  await scene.pass(5_000)
  scene.drop.put('back.tar', archiveOf(one), 3)
  await scene.pass(5_000)
  t.equal(scene.live(), one.digest)
})

t.test('what is refused is told, holds up nothing, and is taken when it was mended', async t => {
  const scene = await createScene(t)
  scene.drop.put('a.tar', 'no archive', 1)
  scene.drop.put('b.tar', archiveOf(one), 2)
  await scene.pass(5_000)
  t.strictSame(scene.outcomes, ['refused', 'imported'])
  t.match(scene.drop.faults.get('a.tar'), { file: 'a.tar', code: 'tar', at: /^2026-11-21T12:/ })
  await scene.pass(100_000)
  await scene.restart()
  await scene.pass(5_000)
  t.equal(scene.outcomes.length, 2, 'it is not read again and again')
  scene.drop.put('a.tar', archiveOf(two), 3)
  await scene.pass(5_000)
  t.equal(scene.drop.faults.size, 0)
  t.equal(scene.live(), two.digest)
})

t.test('of a file that is gone nothing is told any more', async t => {
  const scene = await createScene(t)
  scene.unreachable.add('docker.io/library/nginx:latest')
  scene.drop.put('a.tar', 'no archive', 1)
  scene.drop.put('list.txt', 'nginx', 2)
  await scene.pass(5_000)
  t.strictSame([...scene.drop.faults.keys()].sort(), ['a.tar', 'list.txt'])
  scene.drop.remove('a.tar')
  scene.drop.remove('list.txt')
  await scene.pass(1_000)
  t.strictSame([...scene.drop.faults.keys()], [])
  scene.drop.put('a.tar', 'no archive', 1)
  await scene.pass(5_000)
  t.strictSame([...scene.drop.faults.keys()], ['a.tar'], 'until it comes back')
})

t.test('what this node could not take is tried again later', async t => {
  let hasRoom = false
  const store = createMemoryStore({ quotaBytes: 1_000, makeRoom: async () => hasRoom })
  const scene = await createScene(t, store)
  scene.drop.put('a.tar', archiveOf(one), 1)
  await scene.pass(30_000)
  t.strictSame(scene.outcomes, ['failed'])
  t.match(scene.drop.faults.get('a.tar'), { code: 'store-full' })
  hasRoom = true
  await scene.pass(60_000)
  t.equal(scene.outcomes.length, 2, 'after a minute, and not before')
})

t.test('a bundle that came before the one it goes with is taken soon after that one', async t => {
  const scene = await createScene(t)
  const base = { id: one.digest, name: 'base.tar', blobs: [...one.blobs.keys()] }
  const note = encodeNote({ blobs: [], needs: base.blobs, earlier: [base] })
  const bundle = [
    { name: bundleNotePath, data: note },
    ...layoutOf([{ image: one, annotations: fullName('docker.io/lab/bb:v1') }], {
      without: base.blobs,
    }),
  ]
  scene.drop.put('monday.tar', tar(bundle), 1)
  await scene.pass(5_000)
  t.strictSame(scene.outcomes, ['failed'])
  t.match(scene.drop.faults.get('monday.tar'), { code: 'no-base', reason: /import "base.tar"/ })
  scene.drop.put('base.tar', archiveOf(one, 'docker.io/lab/other:v1'), 2)
  await scene.pass(6_000)
  t.strictSame(scene.outcomes, ['failed', 'imported', 'imported'])
  t.equal(scene.live(), one.digest)
  t.equal(scene.drop.faults.size, 0)
})

t.test('a list is pulled until all of it is here', async t => {
  const scene = await createScene(t)
  scene.unreachable.add('quay.io/a/b:1')
  scene.drop.put('list.txt', '# what we need\nnginx\n\nquay.io/a/b:1  # of a friend\r\n', 1)
  await scene.pass(10_000)
  t.strictSame(scene.outcomes, ['failed'])
  t.match(scene.drop.faults.get('list.txt'), {
    code: 'not-pulled',
    reason: 'quay.io/a/b:1: nobody answers',
  })
  scene.unreachable.clear()
  await scene.pass(70_000)
  t.strictSame(scene.outcomes, ['failed', 'imported'])
  t.strictSame(scene.pulled, [
    'docker.io/library/nginx:latest',
    'quay.io/a/b:1',
    'docker.io/library/nginx:latest',
    'quay.io/a/b:1',
  ])
  t.equal(scene.drop.faults.size, 0)
})

t.test('a list whose images come slowly holds up no archive', async t => {
  const scene = await createScene(t)
  const goOn = scene.holdPulls()
  scene.drop.put('a-list.txt', 'nginx', 1)
  await scene.pass(5_000)
  scene.drop.put('b-list.txt', 'redis', 2)
  scene.drop.put('c.tar', archiveOf(one), 3)
  await scene.pass(100_000)
  t.strictSame(scene.outcomes, ['imported'])
  t.equal(scene.live(), one.digest)
  t.strictSame(scene.pulled, ['docker.io/library/nginx:latest'], 'once, and one list at a time')
  goOn()
  await scene.pass(2_000)
  t.strictSame(scene.outcomes, ['imported', 'imported', 'imported'])
  t.equal(scene.pulled.length, 2)
})

t.test('a list with lines that are no references is refused, each of them told', async t => {
  const scene = await createScene(t)
  scene.drop.put('list.txt', 'nginx\nNGINX\na b\n', 1)
  await scene.pass(5_000)
  t.strictSame([scene.outcomes, scene.pulled], [['refused'], []])
  t.match(scene.drop.faults.get('list.txt'), { code: 'name', reason: /line 2: .*; line 3: / })
})

t.test('other files, and what copying programs have not finished, are left alone', async t => {
  const scene = await createScene(t)
  for (const path of ['a.zip', 'a.tar.error.json', '.a.tar.x7Gh2', '.hidden.tar', 'a.tar.part']) {
    scene.drop.put(path, archiveOf(one), 1)
  }
  await scene.pass(5_000)
  t.strictSame(scene.drop.opened, [])
})

t.test('a file that vanished before it was read is no refusal', async t => {
  const scene = await createScene(t)
  scene.drop.put('a.tar', archiveOf(one), 1)
  const { list } = scene.drop
  await scene.pass(1_000)
  const listed = await list()
  scene.drop.remove('a.tar')
  Object.assign(scene.drop, { list: async () => listed })
  await scene.pass(3_000)
  t.strictSame(scene.outcomes, ['failed'])
  t.match(scene.drop.faults.get('a.tar'), { code: 'unreadable' })
})

t.test('a file that is refused before its end is let go', async t => {
  const scene = await createScene(t)
  scene.drop.put('a.tar', Buffer.alloc(100_000, 'x'), 1)
  scene.drop.put('list.txt', Buffer.alloc(2 * 1024 * 1024, 'x'), 2)
  await scene.pass(5_000)
  t.strictSame(scene.outcomes, ['refused', 'refused'])
  t.equal(scene.drop.openFiles(), 0)
})
