import { once } from 'node:events'
import { rename } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { FoundImage } from '../../../src/ports/neighbour-store.ts'
import { makeBlob } from '../../ports/content-store.support.ts'
import { startFakeContainerd } from './fake-containerd.ts'
import { eventually, folderOf, follow, reaches } from './support.ts'

t.test('it comes, goes and comes again, and is followed', async t => {
  const socket = join(await folderOf(t), 'c.sock')
  const store = follow(t, socket)
  t.match(await reaches(store, 'absent'), { version: undefined, reads: undefined, blobs: 0 })

  const first = await startFakeContainerd({ socket })
  const { content, digest } = makeBlob(100)
  await first.put(digest, content)
  const status = await reaches(store, 'connected')
  t.match(status, { version: '2.1.9-fake', reads: 'grpc', failure: undefined })
  await eventually('what it held before is listed', () => store.stat(digest) !== undefined)
  t.match(store.status(), { blobs: 1, blobBytes: 100 })

  await first.stop()
  t.match(await reaches(store, 'absent'), { failure: /ENOENT/ })
  t.equal(store.stat(digest), undefined, 'what cannot be asked for is not held')
  t.equal(await store.open(digest), undefined)

  const again = await startFakeContainerd({ socket })
  t.teardown(() => again.stop())
  const other = makeBlob(200)
  await again.put(other.digest, other.content)
  await reaches(store, 'connected')
  await eventually('listed', () => store.stat(other.digest) !== undefined)
  t.equal(store.stat(digest), undefined)
})

t.test('what lies in its directory is read on while it is away', async t => {
  const dir = await folderOf(t)
  const socket = join(dir, 'c.sock')
  const fake = await startFakeContainerd({ socket, contentDir: join(dir, 'content') })
  const { content, digest } = makeBlob(100)
  await fake.put(digest, content)
  const store = follow(t, socket)
  t.equal((await reaches(store, 'connected')).reads, 'directory')
  await fake.stop()
  await reaches(store, 'absent')
  t.strictSame(await store.get(digest, 100), content)
})

t.test('a directory that comes with the first blob is read from then on', async t => {
  const dir = await folderOf(t)
  const contentDir = join(dir, 'content')
  const fake = await startFakeContainerd({ socket: join(dir, 'c.sock'), contentDir })
  t.teardown(() => fake.stop())
  const store = follow(t, fake.socket)
  t.equal((await reaches(store, 'connected')).reads, 'grpc')
  const { content, digest } = makeBlob(100)
  await fake.put(digest, content)
  await eventually('listed', () => store.stat(digest) !== undefined)
  t.equal(store.status().reads, 'directory')
  t.strictSame(await store.get(digest, 100), content)
  t.equal(fake.calls.get('readContent'), undefined)
})

t.test('a socket that nobody listens on is refused', async t => {
  const dir = await folderOf(t)
  const server = createServer().listen(join(dir, 'listened.sock'))
  await once(server, 'listening')
  await rename(join(dir, 'listened.sock'), join(dir, 'c.sock'))
  server.close()
  t.match(await reaches(follow(t, join(dir, 'c.sock')), 'refused'), { failure: /ECONNREFUSED/ })
})

const skip = process.getuid?.() === 0 ? false : 'only root can become another user'
t.test('a socket that this user may not open is denied', { skip }, async t => {
  const dir = await folderOf(t) // for root alone
  const store = follow(t, join(dir, 'c.sock'))
  await reaches(store, 'absent')
  process.seteuid?.(65_534)
  const denied = reaches(store, 'denied').finally(() => process.seteuid?.(0))
  t.match(await denied, { failure: /EACCES/ })
  const fake = await startFakeContainerd({ socket: join(dir, 'c.sock') })
  t.teardown(() => fake.stop())
  await reaches(store, 'connected')
})

t.test('one that takes connections and does not answer is hanging, and recovers', async t => {
  const fake = await startFakeContainerd({ socket: join(await folderOf(t), 'c.sock') })
  t.teardown(() => fake.stop())
  const store = follow(t, fake.socket, { answerMs: 200, listMs: 200 })
  await reaches(store, 'connected')
  fake.hang(true)
  await reaches(store, 'hanging')
  const { content, digest } = makeBlob(10)
  await fake.put(digest, content)
  fake.hang(false)
  await reaches(store, 'connected')
  await eventually('what came meanwhile is listed', () => store.stat(digest) !== undefined)
})

t.test('something else that answers is failing', async t => {
  const socket = join(await folderOf(t), 'c.sock')
  const server = createServer(connection => {
    connection.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  server.listen(socket)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const store = follow(t, socket)
  await eventually('told', () => ['failing', 'lost'].includes(store.status().state))
})

t.test(
  'another socket in the place of the old one is noticed while the old one still answers',
  async t => {
    const dir = await folderOf(t)
    const old = await startFakeContainerd({ socket: join(dir, 'c.sock') })
    t.teardown(() => old.stop())
    const store = follow(t, old.socket)
    await reaches(store, 'connected')
    const fresh = await startFakeContainerd({ socket: join(dir, 'new.sock') })
    t.teardown(() => fresh.stop())
    const { content, digest } = makeBlob(10)
    await fresh.put(digest, content)
    await rename(fresh.socket, old.socket)
    await eventually('what the new one holds is known', () => store.stat(digest) !== undefined)
    t.equal(store.status().state, 'connected')
  },
)

t.test('images are told with each change, and their content is listed by then', async t => {
  const fake = await startFakeContainerd({ socket: join(await folderOf(t), 'c.sock') })
  t.teardown(() => fake.stop())
  const store = follow(t, fake.socket)
  await reaches(store, 'connected')
  const told: (readonly FoundImage[])[] = []
  const stop = store.onImages(images => {
    t.ok(images.every(image => store.stat(image.digest) !== undefined))
    told.push(images)
  })
  t.strictSame(told, [[]], 'what is known is told at once')
  const { content, digest } = makeBlob(10)
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  await fake.put(digest, content)
  fake.addImage('registry.lab/app:1', { digest, mediaType, size: 10 })
  const image = { name: 'registry.lab/app:1', digest, mediaType, size: 10 }
  await eventually('told', () => told.at(-1)?.length === 1)
  t.strictSame(told.at(-1), [image])
  fake.removeImage(image.name)
  await eventually('its end, too', () => told.at(-1)?.length === 0)
  stop()
})

t.test('what is collected after an image without a word is noticed soon', async t => {
  const fake = await startFakeContainerd({ socket: join(await folderOf(t), 'c.sock') })
  t.teardown(() => fake.stop())
  const { content, digest } = makeBlob(10)
  await fake.put(digest, content)
  const store = follow(t, fake.socket)
  await reaches(store, 'connected')
  const listed = fake.calls.get('listContent') ?? 0
  fake.removeImage('registry.lab/app:1')
  const beganMs = performance.now()
  await eventually('a list', () => (fake.calls.get('listContent') ?? 0) > listed)
  fake.muteEvents()
  await fake.delete(digest)
  await eventually('noticed', () => store.stat(digest) === undefined)
  t.ok(performance.now() - beganMs < 10_000, 'all is listed each 30 s at the latest')
})

for (const [what, method] of Object.entries({
  'a list that containerd keeps us waiting for': 'listImages',
  'protecting an image': 'updateImage',
})) {
  t.test(`${what} does not put off the news after it`, async t => {
    const fake = await startFakeContainerd({ socket: join(await folderOf(t), 'c.sock') })
    t.teardown(() => fake.stop())
    const { content, digest } = makeBlob(10)
    await fake.put(digest, content)
    const target = { digest, mediaType: 'application/vnd.oci.image.index.v1+json', size: 10 }
    const store = follow(t, fake.socket)
    await reaches(store, 'connected')
    const protectedNow = () => fake.labels('registry.lab/first:1')?.['io.holdfast.protected']
    store.protect(new Set([digest]))
    // Ten times as long is rested after a list that costs so much.
    fake.delayNext(method, 600)
    fake.addImage('registry.lab/first:1', target)
    await eventually('seen and protected', () => store.status().images === 1 && !!protectedNow())
    fake.addImage('registry.lab/second:1', target)
    const beganMs = performance.now()
    await eventually('the next one', () => store.status().images === 2)
    const tookMs = performance.now() - beganMs
    t.ok(tookMs < 4_500, `after ${Math.round(tookMs)} ms`)
  })
}

t.test('it closes at once while containerd hangs', async t => {
  const fake = await startFakeContainerd({ socket: join(await folderOf(t), 'c.sock') })
  t.teardown(() => fake.stop())
  fake.hang(true)
  const store = follow(t, fake.socket, { answerMs: 30_000 })
  await eventually('it is being asked', () => fake.calls.has('version'))
  const beganMs = performance.now()
  await store.close()
  t.ok(performance.now() - beganMs < 10_000)
})
