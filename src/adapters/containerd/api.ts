import {
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type MethodDefinition,
  status,
} from '@grpc/grpc-js'
import { ask as askOne, openClient } from './connection.ts'
import type {
  Envelope,
  Image,
  Info,
  Methods,
  Resource,
  WriteRequest,
  WriteResponse,
} from './definitions.ts'
import { statusOf } from './failure.ts'

/** Calls to one containerd over one connection. Every call ends within its deadline; rejects with grpc-js's `ServiceError`. */
export interface ContainerdApi {
  version(): Promise<string>
  /** The content store's directory, as containerd itself sees it. */
  contentRoot(): Promise<string | undefined>
  images(): Promise<readonly Image[]>
  contents(): Promise<readonly Info[]>
  /** Fills `into` with a blob's bytes from `offset`; returns how many came. */
  read(digest: string, offset: number, into: Uint8Array): Promise<number>
  /** Sets these labels of an image and leaves all others; an empty text takes a label away. */
  label(image: Image, labels: Readonly<Record<string, string>>): Promise<void>
  /** Makes it, with those of `onlyNew` too, or lets it name another target, with its labels set and those of `without` taken away. */
  setImage(
    image: Image,
    more: {
      readonly without: readonly string[]
      readonly onlyNew: Readonly<Record<string, string>>
    },
  ): Promise<void>
  /** Takes a name away; what it stands for is collected once nothing else keeps it. */
  deleteImage(name: string): Promise<void>
  /** Rejects with `ALREADY_EXISTS` when there is one. It is kept until somebody deletes it or, where a time is given, until then. */
  createLease(id: string, expiresAt?: Date): Promise<void>
  deleteLease(id: string): Promise<void>
  /** Ids of all leases, whoever made them. */
  leases(): Promise<readonly string[]>
  /** Of a blob. */
  contentLabels(digest: string): Promise<Readonly<Record<string, string>>>
  /** Sets these labels of a blob and leaves all others. */
  labelContent(digest: string, labels: Readonly<Record<string, string>>): Promise<void>
  /** A blob on its way in, kept by a lease. Has no deadline of its own. */
  openWrite(lease: string): ClientDuplexStream<WriteRequest, WriteResponse>
  /** Drops what came of a blob. */
  abortWrite(ref: string): Promise<void>
  leased(id: string): Promise<readonly Resource[]>
  lease(id: string, resource: Resource): Promise<void>
  release(id: string, resource: Resource): Promise<void>
  publish(topic: string): Promise<void>
  /** Events of all namespaces until `ended`, which is called once. Nothing tells that it has begun. */
  subscribe(
    filters: readonly string[],
    hear: { readonly event: (event: Envelope) => void; readonly ended: (error: Error) => void },
  ): void
  /** Ends what still runs. */
  close(): void
}

/** How long calls may take, ms. */
export interface Deadlines {
  /** An answer that needs no work. */
  readonly answerMs: number
  /** A list of everything, or a piece of a blob. */
  readonly listMs: number
}

/** Opens a connection of its own, made by the first call. @param socket path of a unix socket */
export function openApi(
  methods: Methods,
  { socket, namespace }: { readonly socket: string; readonly namespace: string },
  { answerMs, listMs }: Deadlines,
): ContainerdApi {
  const client = openClient(socket)
  const metadata = new Metadata()
  metadata.set('containerd-namespace', namespace)
  const subscriptions = new Set<ClientReadableStream<Envelope>>()
  const within = (ms: number) => ({ deadline: Date.now() + ms })

  const ask = <Q, A>(method: MethodDefinition<Q, A>, question: Q, ms: number): Promise<A> =>
    askOne(client, method, question, metadata, ms)

  function stream<Q, A>(
    method: MethodDefinition<Q, A>,
    question: Q,
    options: { readonly deadline?: number } = {},
  ): ClientReadableStream<A> {
    const { path, requestSerialize, responseDeserialize } = method
    return client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      question,
      metadata,
      options,
    )
  }

  return {
    version: async () => (await ask(methods.version, {}, answerMs)).version,
    async contentRoot() {
      const filters = ['type==io.containerd.content.v1']
      const { plugins } = await ask(methods.plugins, { filters }, answerMs)
      return plugins.map(({ exports }) => exports['root']).find(root => root !== undefined)
    },
    images: async () => (await ask(methods.listImages, { filters: [] }, listMs)).images,
    async contents() {
      const found: Info[] = []
      for await (const { info } of stream(methods.listContent, { filters: [] }, within(listMs))) {
        found.push(...info)
      }
      return found
    },
    async read(digest, offset, into) {
      let got = 0
      const question = { digest, offset, size: into.length }
      for await (const { data } of stream(methods.readContent, question, within(listMs))) {
        const fitting = data.subarray(0, into.length - got)
        into.set(fitting, got)
        got += fitting.length
      }
      return got
    },
    async label({ name, target }, labels) {
      const paths = labelPaths(Object.keys(labels))
      const image = { name, target, labels }
      await ask(methods.updateImage, { image, updateMask: { paths } }, answerMs)
    },
    async setImage(image, { without, onlyNew }) {
      const made = { ...image, labels: { ...image.labels, ...onlyNew } }
      try {
        await ask(methods.createImage, { image: made }, answerMs)
      } catch (error) {
        if (statusOf(error) !== status.ALREADY_EXISTS) throw error
        const paths = ['target', ...labelPaths([...Object.keys(image.labels), ...without])]
        await ask(methods.updateImage, { image, updateMask: { paths } }, answerMs)
      }
    },
    deleteImage: async name => void (await ask(methods.deleteImage, { name }, answerMs)),
    async createLease(id, expiresAt) {
      const labels =
        expiresAt === undefined ? {} : { 'containerd.io/gc.expire': expiresAt.toISOString() }
      await ask(methods.createLease, { id, labels }, answerMs)
    },
    deleteLease: async id => void (await ask(methods.deleteLease, { id }, answerMs)),
    leases: async () =>
      (await ask(methods.listLeases, { filters: [] }, listMs)).leases.map(({ id }) => id),
    contentLabels: async digest =>
      (await ask(methods.contentInfo, { digest }, answerMs)).info?.labels ?? {},
    async labelContent(digest, labels) {
      const paths = labelPaths(Object.keys(labels))
      const question = { info: { digest, labels }, updateMask: { paths } }
      await ask(methods.updateContent, question, answerMs)
    },
    openWrite(lease) {
      const { path, requestSerialize, responseDeserialize } = methods.writeContent
      const leased = metadata.clone()
      leased.set('containerd-lease', lease)
      return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, leased)
    },
    abortWrite: async ref => void (await ask(methods.abortContent, { ref }, answerMs)),
    leased: async id => (await ask(methods.listResources, { id }, answerMs)).resources,
    lease: async (id, resource) =>
      void (await ask(methods.addResource, { id, resource }, answerMs)),
    release: async (id, resource) =>
      void (await ask(methods.deleteResource, { id, resource }, answerMs)),
    async publish(topic) {
      const event = { type_url: 'holdfast.Subscribed', value: new Uint8Array() }
      await ask(methods.publish, { topic, event }, answerMs)
    },
    subscribe(filters, { event, ended }) {
      const events = stream(methods.subscribe, { filters })
      subscriptions.add(events)
      const end = Promise.withResolvers<Error>()
      events.on('data', event)
      events.once('error', end.resolve)
      events.once('end', () => end.resolve(new Error('containerd ended the events')))
      void end.promise.then(ended)
    },
    close() {
      for (const events of subscriptions) events.cancel()
      client.close()
    },
  }
}

/** Where labels lie in an image or a blob, as an update mask names them. */
const labelPaths = (keys: readonly string[]): string[] => keys.map(key => `labels.${key}`)
