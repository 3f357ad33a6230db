import { Metadata, type MethodDefinition, status } from '@grpc/grpc-js'
import type { ContainerRuntime, RunningConfig } from '../../ports/container-runtime.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { ask, openClient } from './connection.ts'
import { loadCriMethods } from './cri-definitions.ts'
import { statusOf } from './failure.ts'

/** Questions are answered at once, pulls of a few KiB soon, in ms. */
const [askWithinMs, pullWithinMs] = [5_000, 30_000]

/**
 * The few calls of Kubernetes' CRI, v1, that tell of a containerd from 1.6 on. Of its configuration the part on registries is told up to 1.7
 * alone. Opens no connection before it is asked. @param socket path of a unix socket
 */
export function openCri(socket: string): ContainerRuntime {
  const methods = loadCriMethods()
  const client = openClient(socket)

  async function call<Q, A>(
    method: MethodDefinition<Q, A>,
    question: Q,
    withinMs: number,
  ): Promise<A> {
    try {
      return await ask(client, method, question, new Metadata(), withinMs)
    } catch (error) {
      throw told(error, socket)
    }
  }
  const spec = (image: string) => ({ image: { image } })

  return {
    version: async () => (await call(methods.version, {}, askWithinMs)).runtimeVersion,
    runningConfig: async () =>
      readConfig((await call(methods.status, { verbose: true }, askWithinMs)).info),
    pull: async image => void (await call(methods.pullImage, spec(image), pullWithinMs)),
    remove: async image => void (await call(methods.removeImage, spec(image), askWithinMs)),
    close: () => client.close(),
  }
}

/** What a call of CRI failed with, in the runtime's own words. */
export function told(error: unknown, socket: string): HoldfastError {
  const code = statusOf(error) ?? status.UNKNOWN
  const details = error instanceof Error && 'details' in error ? error.details : String(error)
  const text = code === status.UNAVAILABLE ? `${socket}: ${details}` : details
  return new HoldfastError('config-invalid', `${status[code]}: ${text}`, error)
}

function readConfig({ config: text }: Readonly<Record<string, string>>): RunningConfig {
  const config: CriConfig = text === undefined ? {} : parseJson(text)
  const root = config.containerdRootDir
  return {
    configPath: config.registry?.configPath,
    discardUnpackedLayers: config.containerd?.discardUnpackedLayers,
    contentRoot: root === undefined ? undefined : `${root}/io.containerd.content.v1.content`,
  }
}

interface CriConfig {
  readonly registry?: { readonly configPath?: string }
  readonly containerd?: { readonly discardUnpackedLayers?: boolean }
  readonly containerdRootDir?: string
}

function parseJson(text: string): CriConfig {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
