import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Door, hangDoor } from './lan-door.ts'
import { run } from './process.ts'

/** A computer of the test's own network. */
export interface Host {
  /** Prefix of a command that is to run there. */
  readonly within: readonly string[]
  readonly address: string
  /** Makes ports of its loopback the same ports of the test's loopback. */
  open(ports: readonly number[]): Promise<void>
}

/** Network namespaces on one switch. The machine's own network is not touched. */
export interface Lan {
  /** What the switch stands on; for the upstream registry. */
  readonly hub: Host
  /** Makes a port of the test's loopback the same port of the hub; the address that hosts ask. */
  publish(port: number): Promise<string>
  readonly hosts: readonly Host[]
  /** Packets between the groups vanish without a word; hosts that are in no group talk to all. The hub is not cut off. */
  partition(...groups: readonly (readonly number[])[]): Promise<void>
  /** Packets between a host and the hub vanish. */
  unplugFromHub(host: number): Promise<void>
  /** This share of what a host is sent vanishes. */
  lose(host: number, share: number): Promise<void>
  /** Packets pass again. */
  heal(): Promise<void>
  /** How many packets to a host vanished since it was healed last: whether a fault did fire. */
  vanished(host: number): Promise<number>
  close(): Promise<void>
}

const hubAddress = '10.99.8.1'

let made = 0

/** Lays a network of `count` hosts. Needs root; `close` leaves nothing behind. */
export async function layLan(count: number): Promise<Lan> {
  made += 1
  const base = `hf${process.pid}-l${made}`
  const hub = `${base}h`
  const addressOf = (index: number) => `10.99.8.${10 + index}`
  const nameOf = (index: number) => `${base}n${index}`
  const namespaces = [hub, ...Array.from({ length: count }, (_, i) => nameOf(i))]
  for (const namespace of namespaces) {
    const etc = join('/etc/netns', namespace)
    await mkdir(etc, { recursive: true })
    await writeFile(join(etc, 'hosts'), '127.0.0.1 localhost\n')
    await writeFile(join(etc, 'resolv.conf'), '')
    await run('ip', ['netns', 'add', namespace])
    await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up'])
  }
  await run('ip', ['-n', hub, 'link', 'add', 'switch', 'type', 'bridge'])
  await run('ip', ['-n', hub, 'addr', 'add', `${hubAddress}/24`, 'dev', 'switch'])
  await run('ip', ['-n', hub, 'link', 'set', 'switch', 'up'])
  for (let index = 0; index < count; index += 1) {
    const port = `port${index}`
    const ends = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', nameOf(index)]
    await run('ip', ['-n', hub, 'link', 'add', port, ...ends])
    await run('ip', ['-n', hub, 'link', 'set', port, 'master', 'switch', 'up'])
    await run('ip', ['-n', nameOf(index), 'addr', 'add', `${addressOf(index)}/24`, 'dev', 'eth0'])
    await run('ip', ['-n', nameOf(index), 'link', 'set', 'eth0', 'up'])
  }
  const within = (namespace: string) => ['ip', 'netns', 'exec', namespace]
  const doors = new Map<string, Promise<Door>>()
  /** Hung when the first passes: a test that looks in by other ways needs none. */
  const doorOf = (namespace: string): Promise<Door> => {
    const door = doors.get(namespace) ?? hangDoor(within(namespace))
    doors.set(namespace, door)
    return door
  }
  const hostAt = (namespace: string, address: string): Host => ({
    within: within(namespace),
    address,
    open: async ports => (await doorOf(namespace)).open(ports),
  })
  const filter = (index: number, ...rule: readonly string[]) =>
    run('ip', ['netns', 'exec', nameOf(index), 'iptables', ...rule])
  const refuse = (index: number, from: string) =>
    filter(index, '-A', 'INPUT', '-s', from, '-j', 'DROP')

  return {
    hub: hostAt(hub, hubAddress),
    async publish(port) {
      await (await doorOf(hub)).publish(hubAddress, port)
      return `${hubAddress}:${port}`
    },
    hosts: Array.from({ length: count }, (_, index) => hostAt(nameOf(index), addressOf(index))),
    async partition(...groups) {
      for (const group of groups) {
        const others = groups.filter(other => other !== group).flat()
        for (const index of group) {
          for (const other of others) await refuse(index, addressOf(other))
        }
      }
    },
    async unplugFromHub(host) {
      await refuse(host, hubAddress)
    },
    async lose(host, share) {
      const chance = ['-m', 'statistic', '--mode', 'random', '--probability', String(share)]
      await filter(host, '-A', 'INPUT', '-i', 'eth0', ...chance, '-j', 'DROP')
    },
    async heal() {
      for (let index = 0; index < count; index += 1) await filter(index, '-F', 'INPUT')
    },
    async vanished(host) {
      const rules = await filter(host, '-L', 'INPUT', '-v', '-x', '-n')
      const dropped = rules.split('\n').filter(line => line.includes('DROP'))
      return dropped.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[0]), 0)
    },
    async close() {
      for (const door of doors.values()) await (await door).close()
      for (const namespace of namespaces) {
        await run('ip', ['netns', 'del', namespace])
        await rm(join('/etc/netns', namespace), { recursive: true, force: true })
      }
    },
  }
}
