import { run } from '../../system/support/process.ts'

/** The network of a cluster: namespaces of its own on one switch. The machine's network is not touched. */
export interface ClusterNetwork {
  /** Where the control plane and the registry are. */
  readonly hub: Place
  /** Plugs in one more node. */
  plug(index: number): Promise<Place>
  /** Packets of nodes and pods, or of one address, to a port of the hub vanish, without a word. */
  drop(port: number, from?: string): Promise<void>
  /** They pass again; how many had vanished. */
  undrop(port: number, from?: string): Promise<number>
  /** Counts what a port of the hub sends to nodes and pods from now on; the result reads that, in bytes. */
  meter(port: number): Promise<() => Promise<number>>
  close(): Promise<void>
}

/** A namespace. */
export interface Place {
  readonly address: string
  /** Prefix of a command that is to run there. Its process is then the command itself. */
  readonly within: readonly string[]
}

/** As many as fit: each has a route to the pods of every other from the start. */
const indices = [1, 2, 3, 4]
const addressOf = (index: number): string => `10.78.0.${index}`
const hubAddress = '10.78.0.254'

/** Networks inside of a cluster. */
export const podNetwork = '10.88.0.0/16'
export const serviceNetwork = '10.96.0.0/16'
/** Pods of one node. */
export const podNetworkOf = (index: number): string => `10.88.${index}.0/24`

let made = 0

/** Lays the network of a cluster. Needs root; `close` leaves nothing behind. */
export async function layClusterNetwork(): Promise<ClusterNetwork> {
  made += 1
  const base = `hf${process.pid}-k${made}`
  const hub = `${base}h`
  const namespaces: string[] = []
  const add = async (namespace: string) => {
    await run('ip', ['netns', 'add', namespace])
    namespaces.push(namespace)
    await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up'])
  }
  const place = (namespace: string, address: string): Place => ({
    address,
    within: ['nsenter', `--net=/run/netns/${namespace}`, '--'],
  })
  const inHub = (...words: readonly string[]) => run('ip', ['-n', hub, ...words])
  const filter = (...rule: readonly string[]) =>
    run('nsenter', [`--net=/run/netns/${hub}`, '--', 'iptables', ...rule])
  // The hub's own way to it is loopback: it goes on.
  const ruleOf = (port: number, from = '0.0.0.0/0') =>
    ['INPUT', '-p', 'tcp', '-s', from, '--dport', `${port}`, '-j', 'DROP', '-i', 'switch'] as const

  await add(hub)
  await inHub('link', 'add', 'switch', 'type', 'bridge')
  await inHub('addr', 'add', `${hubAddress}/24`, 'dev', 'switch')
  await inHub('link', 'set', 'switch', 'up')
  for (const index of indices) {
    await inHub('route', 'add', podNetworkOf(index), 'via', addressOf(index))
  }

  return {
    hub: place(hub, hubAddress),
    async plug(index) {
      const namespace = `${base}n${index}`
      await add(namespace)
      const inNode = (...words: readonly string[]) => run('ip', ['-n', namespace, ...words])
      const port = `port${index}`
      await inHub('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
      await inHub('link', 'set', port, 'master', 'switch', 'up')
      await inNode('addr', 'add', `${addressOf(index)}/24`, 'dev', 'eth0')
      await inNode('link', 'set', 'eth0', 'up')
      await inNode('route', 'add', 'default', 'via', hubAddress)
      for (const other of indices.filter(other => other !== index)) {
        await inNode('route', 'add', podNetworkOf(other), 'via', addressOf(other))
      }
      return place(namespace, addressOf(index))
    },
    async drop(port, from) {
      await filter('-I', ...ruleOf(port, from))
    },
    async meter(port) {
      await filter('-A', 'OUTPUT', '-p', 'tcp', '--sport', `${port}`, '-o', 'switch')
      return async () => {
        const rules = await filter('-L', 'OUTPUT', '-v', '-x', '-n')
        const line = rules.split('\n').find(rule => rule.includes(`spt:${port}`))
        return Number(line?.trim().split(/\s+/)[1])
      }
    },
    async undrop(port, from) {
      const rules = await filter('-L', 'INPUT', '-v', '-x', '-n')
      const line = rules.split('\n').find(rule => rule.includes(`dpt:${port}`))
      await filter('-D', ...ruleOf(port, from))
      return Number(line?.trim().split(/\s+/)[0] ?? 0)
    },
    async close() {
      for (const namespace of namespaces.toReversed()) await run('ip', ['netns', 'del', namespace])
    },
  }
}
