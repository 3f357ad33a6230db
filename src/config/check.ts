import { parseRegistry } from '../oci/reference.ts'
import { checkUpstreams } from './check-upstreams.ts'
import { type Report, show } from './faults.ts'
import { collide, formatListen, isLoopback, type ListenAddress } from './listen.ts'
import type { ConfigValues } from './schema.ts'
import type { Path } from './schema-node.ts'

/** What a check knows beside the values. */
export interface CheckContext {
  /** The value was written somewhere, and is not the default. */
  isWritten(path: readonly string[]): boolean
  /** Nothing at, above or below this path was misread. */
  isSound(path: Path): boolean
  readonly report: Report
}

/** What keys say together, and what no schema can say about one. A key that was misread is left out: it has its fault already. */
export function checkTogether(values: ConfigValues, context: CheckContext): void {
  const areSound = (...paths: (readonly string[])[]) => paths.every(context.isSound)
  if (areSound(['resolve', 'timeoutMs'], ['resolve', 'upstreamTimeoutMs'])) {
    checkDeadlines(values, context)
  }
  checkListeners(values, context)
  if (areSound(['store', 'kind'], ['containerd', 'socket'], ['dropFolder', 'path'])) {
    checkContainerdAlone(values, context)
  }
  if (areSound(['admin', 'listen'], ['admin', 'tls'])) checkAdminTls(values, context)
  if (areSound(['mesh'], ['peer', 'listen'])) checkMeshSecret(values, context)
  if (areSound(['mirror', 'defaultUpstream'], ['upstreams'], ['upstreamFiles'])) {
    checkDefaultUpstream(values, context)
  }
  checkUpstreams(values.upstreams ?? {}, context)
}

/** Without a store of our own: what serves everything is to be named, and what needs a place of its own cannot be had. */
function checkContainerdAlone(
  { store, containerd, dropFolder }: ConfigValues,
  { report }: CheckContext,
): void {
  if (store.kind !== 'containerd') return
  if (containerd.socket === undefined) {
    report({
      path: ['containerd', 'socket'],
      problem: 'is needed with store.kind containerd: nothing else is served',
      cure: 'write /run/containerd/containerd.sock, or /run/k3s/containerd/containerd.sock on K3s and RKE2',
    })
  }
  if (dropFolder.path !== undefined) {
    report({
      path: ['dropFolder', 'path'],
      problem:
        'cannot be had with store.kind containerd: what is imported needs a place of its own',
      cure: 'write store.kind both: what is imported is put into containerd, too',
      shown: show(dropFolder.path, false),
    })
  }
}

function checkDeadlines({ resolve }: ConfigValues, { isWritten, report }: CheckContext): void {
  const { timeoutMs, upstreamTimeoutMs } = resolve
  if (timeoutMs <= upstreamTimeoutMs) return
  const path = ['resolve', isWritten(['resolve', 'timeoutMs']) ? 'timeoutMs' : 'upstreamTimeoutMs']
  report({
    path,
    problem: `does not fit: timeoutMs (${timeoutMs}) must not be above upstreamTimeoutMs (${upstreamTimeoutMs})`,
    cure: 'a client cannot wait longer for the answer than the question goes on',
  })
}

const alwaysListening = ['mirror', 'admin', 'health'] as const
const listeningInMesh = ['peer', 'mesh'] as const

function checkListeners(values: ConfigValues, { isWritten, isSound, report }: CheckContext): void {
  const hasMesh = isSound(['mesh', 'enabled']) && values.mesh.enabled
  const names = [...alwaysListening, ...(hasMesh ? listeningInMesh : [])]
  const listeners = names
    .filter(name => isSound([name, 'listen']))
    .map((name): [path: string[], address: ListenAddress] => [
      [name, 'listen'],
      values[name].listen,
    ])
  for (const [index, [path, address]] of listeners.entries()) {
    const twin = listeners.slice(0, index).find(([, other]) => collide(address, other))
    if (twin === undefined) continue
    // Told where it was written: the other one may be a default.
    const [told, other] = isWritten(path) ? [path, twin[0]] : [twin[0], path]
    const problem = `takes the address of ${other.join('.')} (${formatListen(address)})`
    report({ path: told, problem, cure: 'give each listener a port of its own' })
  }
}

function checkAdminTls({ admin }: ConfigValues, { report }: CheckContext): void {
  if (isLoopback(admin.listen) || admin.tls !== undefined) return
  report({
    path: ['admin', 'listen'],
    problem: 'is off loopback without admin.tls',
    cure: 'set admin.tls, or listen on 127.0.0.1 or admin.socket',
    shown: show(formatListen(admin.listen), false),
  })
}

/** On loopback nobody is kept out, so that a mesh can be tried on one machine without ado. */
function checkMeshSecret({ mesh, peer }: ConfigValues, { report }: CheckContext): void {
  if (!mesh.enabled || mesh.secretFile !== undefined) return
  const open = [peer.listen, mesh.listen].find(address => !isLoopback(address))
  if (open === undefined) return
  report({
    path: ['mesh', 'secretFile'],
    problem: `is needed: everybody who reaches ${formatListen(open)} would be a member`,
    cure: 'make one with `holdfast mesh secret --file FILE` and give it to every node',
  })
}

function checkDefaultUpstream(values: ConfigValues, { isWritten, report }: CheckContext): void {
  const path = ['mirror', 'defaultUpstream']
  const name = values.mirror.defaultUpstream
  const registry = parseRegistry(name)
  const shown = show(name, false)
  if (registry === undefined) {
    report({ path, problem: 'is no registry', cure: 'write a host as in docker.io', shown })
    return
  }
  const known = Object.keys(values.upstreams)
  const isKnown = known.includes('*') || known.some(other => parseRegistry(other) === registry)
  if (isKnown || values.upstreamFiles.length > 0 || !isWritten(path)) return
  report({
    path,
    problem: 'is none of the upstreams',
    cure: `add it: upstreams: { ${registry}: {} }`,
    shown,
  })
}
