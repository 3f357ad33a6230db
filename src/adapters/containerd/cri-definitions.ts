import type { MethodDefinition } from '@grpc/grpc-js'
import { loadMethods, type MethodName } from './load-methods.ts'

interface OfImage {
  readonly image: { readonly image: string }
}

type Empty = Readonly<Record<string, never>>

/** What a pod lives in. */
export interface PodSandbox {
  readonly id: string
  readonly metadata: { readonly name: string; readonly namespace: string } | null
  readonly state: 'SANDBOX_READY' | 'SANDBOX_NOTREADY'
}

/** A container of a pod. */
export interface Container {
  readonly podSandboxId: string
  readonly metadata: { readonly name: string } | null
  readonly image: { readonly image: string; readonly userSpecifiedImage: string } | null
  readonly imageRef: string
  /** ns since the epoch. */
  readonly createdAt: number
}

/** The methods of CRI that are used. */
export interface CriMethods {
  readonly version: MethodDefinition<Empty, { readonly runtimeVersion: string }>
  readonly status: MethodDefinition<
    { readonly verbose: boolean },
    { readonly info: Readonly<Record<string, string>> }
  >
  readonly pullImage: MethodDefinition<OfImage, Empty>
  readonly removeImage: MethodDefinition<OfImage, Empty>
  readonly listSandboxes: MethodDefinition<Empty, { readonly items: readonly PodSandbox[] }>
  readonly listContainers: MethodDefinition<Empty, { readonly containers: readonly Container[] }>
}

const method = (service: string, name: string): MethodName => [
  'cri/runtime.proto',
  `runtime.v1.${service}`,
  name,
]

export const loadCriMethods = (): CriMethods =>
  loadMethods<CriMethods>({
    version: method('RuntimeService', 'Version'),
    status: method('RuntimeService', 'Status'),
    pullImage: method('ImageService', 'PullImage'),
    removeImage: method('ImageService', 'RemoveImage'),
    listSandboxes: method('RuntimeService', 'ListPodSandbox'),
    listContainers: method('RuntimeService', 'ListContainers'),
  })
