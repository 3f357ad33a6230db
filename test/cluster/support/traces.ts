import { readdir } from 'node:fs/promises'
import type { ClusterNode } from './node.ts'
import { certsDir, pauseImage } from './node-config.ts'

/** Where the chart has the data of a node. */
export const dataDir = '/var/lib/holdfast'

/** What of Holdfast is on a node beside the files of containerd. */
export interface Traces {
  /** Ids. */
  readonly leases: readonly string[]
  /** Names in containerd with a label of Holdfast. */
  readonly labelled: readonly string[]
  /** Names of images that the kubelet's collection passes over, but for what containerd itself pins. */
  readonly pinned: readonly string[]
  /** Names in the data directory. */
  readonly data: readonly string[]
}

/** What is to be left of it. */
export const noTraces: Traces = { leases: [], labelled: [], pinned: [], data: [] }

export async function tracesOn(node: ClusterNode): Promise<Traces> {
  const leases = await node.ctr('leases', 'ls', '--quiet')
  const listed = (await node.ctr('images', 'ls')).split('\n').slice(1)
  const images = listed.map(line => {
    const [name = '', , digest] = line.split(/\s+/)
    return { name, digest, line }
  })
  const pause = images.find(({ name }) => name === pauseImage)?.digest
  const having = (label: string, but?: string) =>
    images
      .filter(({ line, digest }) => line.includes(label) && digest !== but)
      .map(({ name }) => name)
  return {
    leases: leases.split('\n').filter(id => id.startsWith('holdfast')),
    labelled: having('io.holdfast.'),
    pinned: having('io.cri-containerd.pinned', pause),
    data: await readdir(node.path(dataDir)).catch(() => []),
  }
}

/** Files of containerd over which the running mirror has mounted those with a registry behind it. */
export async function registriesBehind(node: ClusterNode): Promise<readonly string[]> {
  const mounts = await node.run('cat', '/proc/mounts')
  const paths = mounts.split('\n').map(line => line.split(' ')[1] ?? '')
  return paths.filter(path => path.startsWith(`${certsDir}/`))
}
