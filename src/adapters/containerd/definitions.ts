import type { MethodDefinition } from '@grpc/grpc-js'
import { loadMethods, type MethodName } from './load-methods.ts'

/** `google.protobuf.Timestamp` */
export interface Timestamp {
  readonly seconds: number
  readonly nanos: number
}

/** A blob as containerd's content store describes it. */
export interface Info {
  readonly digest: string
  readonly size: number
  readonly createdAt: Timestamp | null
}

export interface Image {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly target: {
    readonly mediaType: string
    readonly digest: string
    readonly size: number
  } | null
}

export interface Plugin {
  readonly type: string
  readonly id: string
  readonly exports: Readonly<Record<string, string>>
}

/** Something that a lease keeps. Of type `content` the id is a digest. */
export interface Resource {
  readonly type: string
  readonly id: string
}

export interface Envelope {
  readonly namespace: string
  readonly topic: string
}

/** A blob's labels. */
export interface LabelledInfo {
  readonly digest: string
  readonly labels: Readonly<Record<string, string>>
}

/** A step of taking a blob in. */
export interface WriteRequest {
  readonly action: 'STAT' | 'WRITE' | 'COMMIT'
  /** Which one, of those that are on their way. */
  readonly ref: string
  /** Bytes of the whole. */
  readonly total: number
  readonly expected: string
  readonly offset: number
  readonly data?: Uint8Array
  readonly labels?: Readonly<Record<string, string>>
}

/** What became of the step; `offset`: how many bytes are there. */
export interface WriteResponse {
  readonly action: WriteRequest['action']
  readonly offset: number
}

type Empty = Readonly<Record<string, never>>

interface LeasedResource {
  readonly id: string
  readonly resource: Resource
}

interface Filters {
  readonly filters: readonly string[]
}

/** The methods of containerd's API that are used. */
export interface Methods {
  readonly version: MethodDefinition<Empty, { readonly version: string }>
  readonly plugins: MethodDefinition<Filters, { readonly plugins: readonly Plugin[] }>
  readonly publish: MethodDefinition<
    {
      readonly topic: string
      readonly event: { readonly type_url: string; readonly value: Uint8Array }
    },
    Empty
  >
  readonly subscribe: MethodDefinition<Filters, Envelope>
  readonly listImages: MethodDefinition<Filters, { readonly images: readonly Image[] }>
  readonly updateImage: MethodDefinition<
    {
      readonly image: Image
      readonly updateMask: { readonly paths: readonly string[] }
    },
    Empty
  >
  readonly createImage: MethodDefinition<{ readonly image: Image }, Empty>
  readonly deleteImage: MethodDefinition<{ readonly name: string }, Empty>
  readonly createLease: MethodDefinition<
    { readonly id: string; readonly labels: Readonly<Record<string, string>> },
    Empty
  >
  readonly deleteLease: MethodDefinition<{ readonly id: string }, Empty>
  readonly listLeases: MethodDefinition<
    Filters,
    { readonly leases: readonly { readonly id: string }[] }
  >
  readonly addResource: MethodDefinition<LeasedResource, Empty>
  readonly deleteResource: MethodDefinition<LeasedResource, Empty>
  readonly listResources: MethodDefinition<
    { readonly id: string },
    { readonly resources: readonly Resource[] }
  >
  readonly listContent: MethodDefinition<Filters, { readonly info: readonly Info[] }>
  readonly readContent: MethodDefinition<
    { readonly digest: string; readonly offset: number; readonly size: number },
    { readonly data: Buffer }
  >
  readonly contentInfo: MethodDefinition<
    { readonly digest: string },
    { readonly info: LabelledInfo | null }
  >
  readonly updateContent: MethodDefinition<
    { readonly info: LabelledInfo; readonly updateMask: { readonly paths: readonly string[] } },
    Empty
  >
  readonly writeContent: MethodDefinition<WriteRequest, WriteResponse>
  readonly abortContent: MethodDefinition<{ readonly ref: string }, Empty>
}

const method = (part: string, service: string, name: string): MethodName => [
  `containerd/${part}.proto`,
  `containerd.services.${part}.v1.${service}`,
  name,
]

export const loadContainerdMethods = (): Methods =>
  loadMethods<Methods>({
    version: method('version', 'Version', 'Version'),
    plugins: method('introspection', 'Introspection', 'Plugins'),
    publish: method('events', 'Events', 'Publish'),
    subscribe: method('events', 'Events', 'Subscribe'),
    listImages: method('images', 'Images', 'List'),
    updateImage: method('images', 'Images', 'Update'),
    createImage: method('images', 'Images', 'Create'),
    deleteImage: method('images', 'Images', 'Delete'),
    createLease: method('leases', 'Leases', 'Create'),
    deleteLease: method('leases', 'Leases', 'Delete'),
    listLeases: method('leases', 'Leases', 'List'),
    addResource: method('leases', 'Leases', 'AddResource'),
    deleteResource: method('leases', 'Leases', 'DeleteResource'),
    listResources: method('leases', 'Leases', 'ListResources'),
    listContent: method('content', 'Content', 'List'),
    readContent: method('content', 'Content', 'Read'),
    contentInfo: method('content', 'Content', 'Info'),
    updateContent: method('content', 'Content', 'Update'),
    writeContent: method('content', 'Content', 'Write'),
    abortContent: method('content', 'Content', 'Abort'),
  })
