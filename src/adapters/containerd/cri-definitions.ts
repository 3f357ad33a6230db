import type { MethodDefinition } from '@grpc/grpc-js'
import { loadMethods, type MethodName } from './load-methods.ts'

interface OfImage {
  readonly image: { readonly image: string }
}

type Empty = Readonly<Record<string, never>>

/** The methods of CRI that are used. */
export interface CriMethods {
  readonly version: MethodDefinition<Empty, { readonly runtimeVersion: string }>
  readonly status: MethodDefinition<
    { readonly verbose: boolean },
    { readonly info: Readonly<Record<string, string>> }
  >
  readonly pullImage: MethodDefinition<OfImage, Empty>
  readonly removeImage: MethodDefinition<OfImage, Empty>
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
  })
