import { Client, credentials, status } from '@grpc/grpc-js'
import { HoldfastError } from '../../ports/errors.ts'
import { decodeMessage, encodeMessage, type Field, textIn } from './protobuf.ts'

/**
 * The few calls of Kubernetes' CRI that tell of a containerd: https://github.com/kubernetes/cri-api, v1, from containerd 1.6 on. Each
 * throws `HoldfastError` with what to do.
 */
export interface Cri {
  /** As in `1.7.24` or `v2.1.9`. */
  version(): Promise<string>
  /** What the CRI plugin runs with, where it tells: registries up to 1.7 alone. */
  runningConfig(): Promise<RunningConfig>
  /** Pulls as the kubelet does. */
  pull(image: string): Promise<void>
  remove(image: string): Promise<void>
  close(): void
}

/** Of the running configuration; absent is what this version does not tell. */
export interface RunningConfig {
  readonly configPath: string | undefined
  readonly discardUnpackedLayers: boolean | undefined
  readonly contentRoot: string | undefined
}

/** Questions are answered at once, pulls of a few KiB soon, in ms. */
const [askWithinMs, pullWithinMs] = [5_000, 30_000]

/** Opens no connection before it is asked. */
export function createCri(socket: string): Cri {
  const client = new Client(`unix://${socket}`, credentials.createInsecure())

  function call(method: string, request: Buffer, withinMs: number): Promise<readonly Field[]> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/runtime.v1.${method}`,
        (message: Buffer) => message,
        decodeMessage,
        request,
        { deadline: Date.now() + withinMs },
        (error, fields = []) => {
          if (error === null) resolve(fields)
          else reject(told(error, socket))
        },
      )
    })
  }
  const imageSpec = (image: string) => encodeMessage([[1, encodeMessage([[1, image]])]])

  return {
    async version() {
      return textIn(await call('RuntimeService/Version', encodeMessage([]), askWithinMs), 3)
    },
    async runningConfig() {
      const fields = await call('RuntimeService/Status', encodeMessage([[1, 1]]), askWithinMs)
      return readConfig(fields)
    },
    async pull(image) {
      await call('ImageService/PullImage', imageSpec(image), pullWithinMs)
    },
    async remove(image) {
      await call('ImageService/RemoveImage', imageSpec(image), askWithinMs)
    },
    close: () => client.close(),
  }
}

function told(error: { code: number; details: string }, socket: string): HoldfastError {
  const name = status[error.code] ?? String(error.code)
  const text = error.code === status.UNAVAILABLE ? `${socket}: ${error.details}` : error.details
  return new HoldfastError('config-invalid', `${name}: ${text}`, error)
}

/** `info` is a map of texts; under `config` it has JSON. */
function readConfig(fields: readonly Field[]): RunningConfig {
  const entries = fields.flatMap(([number, value]) =>
    number === 2 && Buffer.isBuffer(value) ? [decodeMessage(value)] : [],
  )
  const found = entries.find(entry => textIn(entry, 1) === 'config')
  const config = found === undefined ? {} : (parseJson(textIn(found, 2)) as CriConfig)
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
