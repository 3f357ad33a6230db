import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './process.ts'

/** Two network namespaces joined by one cable: a node's and its upstream's. The machine's own network is not touched. */
export interface Cable {
  /** Prefix of a command that is to run at the node's end; its resolv.conf and hosts are {@link etc}. */
  readonly node: readonly string[]
  readonly upstream: readonly string[]
  readonly nodeAddress: string
  readonly upstreamAddress: string
  /** Writes a file that commands at the node's end see in /etc; in place, so that running ones see the change. */
  etc(name: 'hosts' | 'resolv.conf', text: string): Promise<void>
  /** Packets to the upstream vanish, without a word. */
  drop(): Promise<void>
  undrop(): Promise<void>
  close(): Promise<void>
}

let made = 0

/** Lays a cable. Needs root; `close` leaves nothing behind. */
export async function layCable(): Promise<Cable> {
  made += 1
  const name = `hf${process.pid}-${made}`
  const [node, upstream] = [`${name}n`, `${name}u`]
  const [nodeAddress, upstreamAddress] = ['10.99.7.1', '10.99.7.2']
  const etcDir = join('/etc/netns', node)
  await mkdir(etcDir, { recursive: true })
  await writeFile(join(etcDir, 'hosts'), '127.0.0.1 localhost\n')
  await writeFile(join(etcDir, 'resolv.conf'), `nameserver ${upstreamAddress}\n`)
  for (const ns of [node, upstream]) {
    await run('ip', ['netns', 'add', ns])
    await run('ip', ['-n', ns, 'link', 'set', 'lo', 'up'])
  }
  const ends = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', upstream]
  await run('ip', ['link', 'add', 'eth0', 'netns', node, ...ends])
  for (const [ns, address] of [
    [node, nodeAddress],
    [upstream, upstreamAddress],
  ] as const) {
    await run('ip', ['-n', ns, 'addr', 'add', `${address}/24`, 'dev', 'eth0'])
    await run('ip', ['-n', ns, 'link', 'set', 'eth0', 'up'])
  }
  const within = (ns: string) => ['ip', 'netns', 'exec', ns]
  const filter = (action: '-A' | '-D') =>
    run('ip', [
      'netns',
      'exec',
      node,
      'iptables',
      action,
      'OUTPUT',
      '-d',
      upstreamAddress,
      '-j',
      'DROP',
    ])
  return {
    node: within(node),
    upstream: within(upstream),
    nodeAddress,
    upstreamAddress,
    etc: (file, text) => writeFile(join(etcDir, file), text),
    drop: async () => void (await filter('-A')),
    undrop: async () => void (await filter('-D')),
    async close() {
      await run('ip', ['netns', 'del', node])
      await run('ip', ['netns', 'del', upstream])
      await rm(etcDir, { recursive: true, force: true })
    },
  }
}
