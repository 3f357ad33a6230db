import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Running, run, start, succeeds, until } from '../../system/support/process.ts'
import { type ContainerdVersion, cacheDir } from '../../system/support/requirements.ts'
import { apiServerPort } from './control-plane.ts'
import type { Place } from './network.ts'
import {
  cniConfig,
  containerdConfig,
  kubeletConfig,
  type ProxyMode,
  proxyConfig,
} from './node-config.ts'
import type { Pki } from './pki.ts'
import { labTools } from './requirements.ts'

/** A machine with containerd, the kubelet and kube-proxy, which has its own files where a node has them. */
export interface ClusterNode {
  readonly name: string
  readonly containerd: ContainerdVersion
  readonly proxyMode: ProxyMode
  readonly address: string
  /** Prefix of a command that is to run outside it, in its network. */
  readonly inNetwork: readonly string[]
  /** Runs a command on it. Rejects with its output when it fails. */
  run(...words: readonly string[]): Promise<string>
  /** `ctr -n k8s.io`. */
  ctr(...words: readonly string[]): Promise<string>
  /** Where a file of the node is, seen from outside: for paths below `/var/lib`, `/etc/containerd` and the like. */
  path(path: string): string
  /** What one of its parts said last: `containerd`, `kubelet`, `proxy`. */
  log(part: string): Promise<string>
  /** Everything on it ends at once; its disk stays. */
  powerOff(): Promise<void>
  powerOn(): Promise<void>
}

/** What a node is made of. */
export interface NodeParts {
  readonly index: number
  readonly containerd: ContainerdVersion
  readonly proxyMode: ProxyMode
  readonly place: Place
  readonly hub: Place
  readonly pki: Pki
}

const script = join(import.meta.dirname, '..', 'lab', 'node.sh')

/** The name of a node. */
export const nodeName = (index: number): string => `n${index}`

/** Makes a node whose disk lies in `dir`, and switches it on. Resolves when its containerd answers. */
export async function startClusterNode(dir: string, parts: NodeParts): Promise<ClusterNode> {
  const { index, containerd, proxyMode, place } = parts
  const name = nodeName(index)
  await configure(dir, name, parts)
  const bin = join(cacheDir, 'bin', containerd)
  let init: Running | undefined
  let first = ''

  const inside = (...words: readonly string[]) =>
    run('nsenter', ['-t', first, '-m', '-n', '-p', '-u', '-i', '--', ...words], {
      timeoutMs: 120_000,
    })
  const ctr = (...words: readonly string[]) => inside(join(bin, 'ctr'), '-n', 'k8s.io', ...words)
  const node: ClusterNode = {
    name,
    containerd,
    proxyMode,
    address: place.address,
    inNetwork: place.within,
    run: inside,
    ctr,
    path: path => join(dir, 'fs', path),
    log: async part => (await readFile(join(dir, 'log', part), 'utf8')).slice(-4000),
    async powerOff() {
      await init?.stop('SIGKILL')
      // What was inside ends with its first process, a moment later.
      await until(`${name} is off`, () => hasEnded(first))
    },
    async powerOn() {
      const spaces = ['--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child']
      const words = [...spaces, '--propagation', 'private', script, name, dir, bin, labTools.kube]
      const [command = '', ...args] = [...place.within, 'unshare', ...words]
      const started = start(command, args)
      init = started
      first = await until(`${name} has a first process`, async () => {
        const children = `/proc/${started.pid}/task/${started.pid}/children`
        return (await readFile(children, 'utf8')).trim() || undefined
      })
      await until(`containerd of ${name} answers`, () => succeeds(ctr('version'))).catch(error =>
        Promise.reject(new Error(started.output(), { cause: error })),
      )
    },
  }
  await node.powerOn()
  return node
}

/** Also while nobody has collected it. */
const hasEnded = (pid: string): Promise<boolean> =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    stat => /\) [ZX] /.test(stat),
    () => true,
  )

async function configure(
  dir: string,
  name: string,
  { index, containerd, proxyMode, place, hub, pki }: NodeParts,
): Promise<void> {
  await mkdir(dir, { recursive: true })
  const server = `https://${hub.address}:${apiServerPort}`
  const write = (file: string, content: string | object) =>
    writeFile(join(dir, file), typeof content === 'string' ? content : JSON.stringify(content))
  const proxyAccess = await pki.kubeconfig('system:kube-proxy', server)
  const access = await readFile(await pki.kubeconfig(`system:node:${name}`, server), 'utf8')
  const controlGroup = `/${basename(dirname(dir))}/${name}`
  await write('machine-id', `${randomBytes(16).toString('hex')}\n`)
  await write('address', place.address)
  await write('containerd.toml', containerdConfig(containerd))
  await write('cni.conflist', cniConfig(index))
  await write('kubelet.kubeconfig', access)
  await write('kubelet.json', kubeletConfig(pki, hub.address, controlGroup))
  await write('proxy.json', proxyConfig(name, proxyAccess, proxyMode))
}
