import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { type CallRuntime, type Pod, type PodOptions, startPod } from './pods.ts'
import { type Running, run, start, until } from './process.ts'
import { type ContainerdVersion, cacheDir } from './requirements.ts'

/** A real containerd with its own root, state and socket. */
export interface Containerd {
  readonly version: ContainerdVersion
  /** The folder of `hosts.toml` files. */
  readonly certsDir: string
  readonly socket: string
  readonly configFile: string
  /** Sends one registry to a mirror, and nowhere else. */
  mirror(registry: string, mirrorUrl: string): Promise<void>
  /** CRI `PullImage`, what kubelet does for `imagePullPolicy: Always`. Resolves with the image's id. */
  pull(image: string, timeoutMs?: number): Promise<string>
  /** CRI `ImageStatus`. */
  imageId(image: string): Promise<string | undefined>
  remove(image: string): Promise<void>
  /** What the kubelet does when the disk is full: removes every image that CRI does not call pinned. Resolves with their ids. */
  collect(): Promise<readonly string[]>
  /** A pod with one container of this image; resolves with what it printed once it ended well. */
  runPod(image: string, command: readonly string[]): Promise<string>
  /** A pod that goes on; whoever started it stops it. */
  startPod(image: string, options?: PodOptions): Promise<Pod>
  ctr(...args: string[]): Promise<string>
  log(): string
  /** Ends the process and leaves what it has on the disk: another can be started there. */
  end(signal: NodeJS.Signals): Promise<void>
  /** Ends it by this signal and starts it again on the same state; its socket is another file then. */
  restart(signal: NodeJS.Signals): Promise<void>
  /** Sends the process a signal: `SIGSTOP`, `SIGCONT`. */
  signal(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

const here = dirname(fileURLToPath(import.meta.url))
const definition = grpc.loadPackageDefinition(
  loadSync(join(here, 'cri.proto'), {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  }),
)
type Unary = (request: object, options: object, done: (e: Error | null, r: unknown) => void) => void
type Client = Record<string, Unary> & { close(): void }
type Stub = new (address: string, credentials: grpc.ChannelCredentials, o?: object) => Client

/** Starts a containerd under `dir`, behind the prefix `within`; `pauseArchive` is an OCI archive that holds {@link pauseImage}. */
export async function startContainerd(
  version: ContainerdVersion,
  dir: string,
  pauseArchive: string,
  within: readonly string[] = [],
  { discardsLayers = false }: { readonly discardsLayers?: boolean } = {},
): Promise<Containerd> {
  for (const name of ['root', 'state', 'certs.d', 'opt', 'cni/net.d', 'logs']) {
    await mkdir(join(dir, name), { recursive: true })
  }
  const socket = join(dir, 'containerd.sock')
  const config = join(dir, 'config.toml')
  const settings = version === '2.1' ? configV3(dir) : configV2(dir)
  await writeFile(
    config,
    // The key stands under the snapshotter in both.
    settings.replace(/^.*snapshotter = .*$/m, `$&\n  discard_unpacked_layers = ${discardsLayers}`),
  )
  const bin = join(cacheDir, 'bin', version)
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}:/usr/sbin:/sbin` }
  const program = join(bin, 'containerd')
  const [command = program, ...args] = [...within, program, '--config', config]
  const begin = (): Running => start(command, args, { env })
  let daemon = begin()
  const ctr = (...args: string[]) => run(join(bin, 'ctr'), ['-a', socket, ...args], { env })
  const answers = () =>
    until(`containerd ${version} answers`, async () => {
      if (daemon.child.exitCode !== null) throw new Error(daemon.output())
      return ctr('version').then(
        () => true,
        () => false,
      )
    })
  await answers()
  await ctr('-n', 'k8s.io', 'images', 'import', '--all-platforms', pauseArchive)

  const stub = (name: string) => {
    const found = name
      .split('.')
      .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], definition)
    return new (found as Stub)(`unix://${socket}`, grpc.credentials.createInsecure())
  }
  const images = stub('runtime.v1.ImageService')
  const runtime = stub('runtime.v1.RuntimeService')
  const call = <T>(client: Client, method: string, request: object, timeoutMs = 60_000) =>
    new Promise<T>((resolve, reject) => {
      client[method]?.(request, { deadline: Date.now() + timeoutMs }, (error, answer) =>
        error === null ? resolve(answer as T) : reject(error),
      )
    })
  const callRuntime: CallRuntime = (method, request) => call(runtime, method, request)

  async function end(signal: NodeJS.Signals): Promise<void> {
    images.close()
    runtime.close()
    await daemon.stop(signal)
  }

  return {
    version,
    certsDir: join(dir, 'certs.d'),
    socket,
    configFile: config,
    async mirror(registry, mirrorUrl) {
      const folder = join(dir, 'certs.d', registry)
      await mkdir(folder, { recursive: true })
      await writeFile(
        join(folder, 'hosts.toml'),
        `server = "${mirrorUrl}"\n[host."${mirrorUrl}"]\n  capabilities = ["pull", "resolve"]\n  dial_timeout = "200ms"\n`,
      )
    },
    async pull(image, timeoutMs) {
      const request = { image: { image } }
      return (await call<{ image_ref: string }>(images, 'PullImage', request, timeoutMs)).image_ref
    },
    async imageId(image) {
      const answer = await call<{ image?: { id: string } }>(images, 'ImageStatus', {
        image: { image },
      })
      return answer.image?.id
    },
    async collect() {
      const { images: all } = await call<{ images: { id: string; pinned: boolean }[] }>(
        images,
        'ListImages',
        {},
      )
      const loose = all.filter(({ pinned }) => !pinned).map(({ id }) => id)
      for (const image of loose) await call(images, 'RemoveImage', { image: { image } })
      return loose
    },
    async remove(image) {
      await call(images, 'RemoveImage', { image: { image } })
    },
    startPod: (image, options) => startPod(callRuntime, { dir, image }, options),
    async runPod(image, command) {
      const pod = await startPod(callRuntime, { dir, image }, { command })
      const code = await pod.ended()
      const printed = await pod.output()
      await pod.stop()
      if (code !== 0) throw new Error(`${image} ended with ${code}: ${printed}`)
      return printed
    },
    ctr,
    log: () => daemon.output(),
    end,
    async restart(signal) {
      await daemon.stop(signal)
      daemon = begin()
      await answers()
    },
    signal: signal => void daemon.child.kill(signal),
    async stop() {
      await end('SIGTERM')
      await rm(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** The sandbox image that every test containerd is set to. */
export const pauseImage = 'holdfast.test/pause:1'

function common(dir: string): string {
  return `root = '${dir}/root'
state = '${dir}/state'
[grpc]
  address = '${dir}/containerd.sock'
[ttrpc]
  address = '${dir}/containerd.sock.ttrpc'
[debug]
  level = 'debug'
[plugins.'io.containerd.internal.v1.opt']
  path = '${dir}/opt'
`
}

// restrict_oom_score_adj: machines without CAP_SYS_RESOURCE cannot set the score that CRI asks for.
function configV2(dir: string): string {
  return `version = 2
${common(dir)}[plugins.'io.containerd.grpc.v1.cri']
  sandbox_image = '${pauseImage}'
  restrict_oom_score_adj = true
[plugins.'io.containerd.grpc.v1.cri'.containerd]
  snapshotter = 'overlayfs'
[plugins.'io.containerd.grpc.v1.cri'.registry]
  config_path = '${dir}/certs.d'
[plugins.'io.containerd.grpc.v1.cri'.cni]
  bin_dir = '/usr/lib/cni'
  conf_dir = '${dir}/cni/net.d'
`
}

function configV3(dir: string): string {
  return `version = 3
${common(dir)}[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${pauseImage}'
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '${dir}/certs.d'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['/usr/lib/cni']
  conf_dir = '${dir}/cni/net.d'
[plugins.'io.containerd.transfer.v1.local']
  config_path = '${dir}/certs.d'
[plugins.'io.containerd.nri.v1.nri']
  disable = true
`
}
