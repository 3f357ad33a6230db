import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import {
  type Envelope,
  type Image,
  loadContainerdMethods,
  type Resource,
} from '../../../src/adapters/containerd/definitions.ts'
import { type Digest, digestAlgorithm, digestHex, digestOf } from '../../../src/oci/digest.ts'
import { HoldfastError } from '../../../src/ports/errors.ts'
import { createFakeWrites, type FakeWrites } from './fake-writes.ts'

/** A stand-in for containerd: its API over a unix socket, with blobs in memory or in a content directory. */
export interface FakeContainerd {
  readonly socket: string
  /** Calls since the start, by method. */
  readonly calls: Map<string, number>
  /** What the lease `holdfast` keeps; absent: there is none. */
  leased(): readonly string[] | undefined
  labels(image: string): Readonly<Record<string, string>> | undefined
  /** What an image's name stands for. */
  target(image: string): string | undefined
  /** Leases there are, by id. */
  leases(): readonly string[]
  readonly writes: FakeWrites
  put(digest: Digest, bytes: Uint8Array): Promise<void>
  delete(digest: Digest): Promise<void>
  /** Changes a byte of a blob. */
  damage(digest: Digest): Promise<void>
  addImage(name: string, target: Image['target'], labels?: Readonly<Record<string, string>>): void
  removeImage(name: string): void
  /** From now on no call is answered, or all are again. */
  hang(isHanging: boolean): void
  /** The next answer to this method takes so long, ms. */
  delayNext(method: string, ms: number): void
  /** The next answer to this method is held until what is returned is called. */
  holdNext(method: string): () => void
  /** The next call of this method fails. */
  failNext(method: string): void
  /** From now on nobody may see its leases. */
  refuseLeases(): void
  /** Changes are made and not told. */
  muteEvents(): void
  /** Ends, all its connections with it; the socket goes. */
  stop(): Promise<void>
}

interface Blob {
  bytes: Buffer
  readonly createdAt: { readonly seconds: number; readonly nanos: number }
}

let made = 0

/** Starts one. @param contentDir where the blobs lie as files, too; without it they can only be asked for */
export async function startFakeContainerd(options: {
  readonly socket: string
  readonly contentDir?: string
  readonly namespace?: string
}): Promise<FakeContainerd> {
  const { socket, contentDir, namespace = 'k8s.io' } = options
  const methods = loadContainerdMethods()
  const blobs = new Map<string, Blob>()
  const images = new Map<string, Image>()
  const leases = new Map<string, Resource[]>()
  const subscribers = new Set<ServerWritableStream<unknown, Envelope>>()
  const calls = new Map<string, number>()
  const writes = createFakeWrites({
    has: digest => blobs.has(digest),
    add(digest, bytes) {
      made += 1
      blobs.set(digest, { bytes, createdAt: { seconds: 1, nanos: made } })
    },
  })
  const server = new Server()
  const delays = new Map<string, () => Promise<unknown>>()
  const failing = new Set<string>()
  let isHanging = false
  let isMute = false
  let areLeasesRefused = false

  const tell = (topic: string) => {
    if (isMute) return
    for (const each of subscribers) each.write({ namespace, topic })
  }
  const count = (name: string) => void calls.set(name, (calls.get(name) ?? 0) + 1)
  const pathOf = (digest: Digest) =>
    join(contentDir ?? '', 'blobs', digestAlgorithm(digest), digestHex(digest))

  function unary<Q, A>(
    name: string,
    answer: (question: Q) => A | status.ALREADY_EXISTS | undefined,
  ) {
    return (call: { request: Q }, done: sendUnaryData<A>) => {
      count(name)
      if (isHanging) return
      if (failing.delete(name)) return done({ code: status.INTERNAL, details: name })
      const found = answer(call.request)
      const say = () => {
        if (found === status.ALREADY_EXISTS) done({ code: status.ALREADY_EXISTS, details: name })
        else if (found === undefined) done({ code: status.NOT_FOUND, details: name })
        else done(null, found)
      }
      const delay = delays.get(name)
      delays.delete(name)
      if (delay === undefined) say()
      else void delay().then(say)
    }
  }

  const leaseMethods = {
    createLease: unary('createLease', ({ id }: { id: string }) => {
      leases.set(id, [])
      return {}
    }),
    listResources(call: { request: { id: string } }, done: sendUnaryData<object>) {
      count('listResources')
      const resources = leases.get(call.request.id)
      if (areLeasesRefused) done({ code: status.PERMISSION_DENIED, details: 'leases' })
      else if (resources === undefined) done({ code: status.NOT_FOUND, details: 'lease' })
      else done(null, { resources })
    },
    deleteLease: unary('deleteLease', ({ id }: { id: string }) =>
      leases.delete(id) ? {} : undefined,
    ),
    listLeases: unary('listLeases', () => ({ leases: [...leases.keys()].map(id => ({ id })) })),
    addResource: unary('addResource', ({ id, resource }: { id: string; resource: Resource }) => {
      return leases.get(id)?.push(resource) === undefined ? undefined : {}
    }),
    deleteResource: unary('deleteResource', (asked: { id: string; resource: Resource }) => {
      const rest = leases.get(asked.id)?.filter(({ id }) => id !== asked.resource.id)
      leases.set(asked.id, rest ?? [])
      return {}
    }),
  }

  const updateImage = unary(
    'updateImage',
    ({ image, updateMask }: { image: Image; updateMask: { paths: string[] } }) => {
      const before = images.get(image.name)
      if (before === undefined) return undefined
      const labels = { ...before.labels }
      for (const path of updateMask.paths) {
        const key = path.replace(/^labels\./, '')
        const value = image.labels[key] ?? ''
        if (value === '') delete labels[key]
        else labels[key] = value
      }
      const target = updateMask.paths.includes('target') ? image.target : before.target
      images.set(image.name, { ...before, target, labels })
      tell('/images/update')
      return {}
    },
  )

  const createImage = unary('createImage', ({ image }: { image: Image }) => {
    if (images.has(image.name)) return status.ALREADY_EXISTS
    images.set(image.name, image)
    tell('/images/create')
    return {}
  })

  const deleteImage = unary('deleteImage', ({ name }: { name: string }) => {
    if (!images.delete(name)) return undefined
    tell('/images/delete')
    return {}
  })

  function readContent(
    call: ServerWritableStream<{ digest: string; offset: number; size: number }, object>,
  ): void {
    count('readContent')
    if (isHanging) return
    const { digest, offset, size } = call.request
    const bytes = blobs.get(digest)?.bytes
    if (bytes === undefined || offset > bytes.length) {
      const code = bytes === undefined ? status.NOT_FOUND : status.OUT_OF_RANGE
      call.emit('error', { code, details: digest })
      return
    }
    const asked = bytes.subarray(offset, size === 0 ? undefined : offset + size)
    for (let at = 0; at < asked.length; at += 64_000) {
      call.write({ data: asked.subarray(at, at + 64_000) })
    }
    call.end()
  }

  server.addService(
    { ...methods },
    {
      ...leaseMethods,
      updateImage,
      createImage,
      deleteImage,
      writeContent: writes.write,
      abortContent: unary('abortContent', writes.abort),
      contentInfo: unary('contentInfo', writes.info),
      updateContent: unary('updateContent', writes.update),
      version: unary('version', () => ({ version: '2.1.9-fake' })),
      plugins: unary('plugins', () => ({
        plugins: [
          {
            type: 'io.containerd.content.v1',
            id: 'content',
            exports: { root: contentDir ?? '/nowhere' },
          },
        ],
      })),
      publish: unary('publish', ({ topic }: { topic: string }) => {
        for (const each of subscribers) each.write({ namespace, topic })
        return {}
      }),
      subscribe(call: ServerWritableStream<unknown, Envelope>) {
        count('subscribe')
        subscribers.add(call)
        call.on('cancelled', () => subscribers.delete(call))
      },
      listImages: unary('listImages', () => ({ images: [...images.values()] })),
      listContent(call: ServerWritableStream<unknown, object>) {
        count('listContent')
        if (isHanging) return
        for (const [digest, { bytes, createdAt }] of blobs) {
          call.write({ info: [{ digest, size: bytes.length, createdAt }] })
        }
        call.end()
      },
      readContent,
    },
  )
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), error =>
      error === null ? resolve() : reject(error),
    ),
  )

  return {
    socket,
    calls,
    async put(digest, bytes) {
      if (digestOf(bytes, digestAlgorithm(digest)) !== digest) {
        throw new HoldfastError('wrong-digest', `these bytes are not ${digest}`)
      }
      const before = blobs.get(digest)
      if (before?.bytes.equals(bytes)) return
      made += 1
      if (contentDir !== undefined) {
        await mkdir(join(pathOf(digest), '..'), { recursive: true })
        await rm(pathOf(digest), { force: true })
        await writeFile(pathOf(digest), bytes)
      }
      blobs.set(digest, { bytes: Buffer.from(bytes), createdAt: { seconds: 1, nanos: made } })
      tell('/content/create')
    },
    async delete(digest) {
      if (!blobs.delete(digest)) return
      if (contentDir !== undefined) await rm(pathOf(digest), { force: true })
      tell('/content/delete')
    },
    async damage(digest) {
      const blob = blobs.get(digest)
      if (blob === undefined) throw new Error(`${digest} is not held`)
      blob.bytes = Buffer.from(blob.bytes)
      blob.bytes[0] = ~(blob.bytes[0] ?? 0)
      if (contentDir !== undefined) await writeFile(pathOf(digest), blob.bytes)
    },
    leased: () => leases.get('holdfast')?.map(({ id }) => id),
    labels: name => images.get(name)?.labels,
    target: name => images.get(name)?.target?.digest,
    leases: () => [...leases.keys()],
    writes,
    addImage(name, target, labels = {}) {
      images.set(name, { name, target, labels })
      tell('/images/create')
    },
    removeImage(name) {
      images.delete(name)
      tell('/images/delete')
    },
    hang(hanging) {
      isHanging = hanging
    },
    delayNext(method, ms) {
      delays.set(method, () => pause(ms))
    },
    holdNext(method) {
      const { promise, resolve } = Promise.withResolvers<void>()
      delays.set(method, () => promise)
      return resolve
    },
    failNext(method) {
      failing.add(method)
    },
    refuseLeases() {
      areLeasesRefused = true
    },
    muteEvents() {
      isMute = true
    },
    async stop() {
      server.forceShutdown()
      await rm(socket, { force: true })
    },
  }
}
