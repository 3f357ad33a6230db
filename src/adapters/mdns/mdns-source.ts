import { setTimeout as wait } from 'node:timers/promises'
import multicastDns, { type MulticastDNS, type ResponsePacket } from 'multicast-dns'
import type { HostNetwork } from '../../ports/host-network.ts'
import type { Log } from '../../ports/log.ts'
import type { NodeId } from '../../ports/node-id.ts'
import type { SeedSource } from '../../ports/seed-source.ts'
import { answersFor, readAnswers, serviceName } from './service.ts'

/** Finds nodes on the local network, and is found there. */
export interface MdnsSource extends SeedSource {
  close(): Promise<void>
}

/** Where it asks; the defaults are right outside of tests. */
export interface MdnsOptions {
  readonly port?: number
  readonly group?: string
  /** How long answers are waited for, ms. */
  readonly gatherMs?: number
}

/** Addresses that are remembered, and for how long after they were said last, ms. */
const maxRemembered = 256
const rememberedMs = 120_000
/** Any device may ask: each interface answers this often in a second. */
const answersPerSecond = 10

/**
 * Multicast DNS, one socket an interface: the system's default route may lead elsewhere, or there is none. Never fails for good; an
 * interface that comes or goes is noticed when seeds are asked for.
 */
export function createMdnsSource(
  parts: {
    readonly self: NodeId
    /** Ids of the cluster keys that are accepted: other clusters may be on the same network. */
    readonly keyIds: () => readonly string[]
    /** Of this node's mesh listener. */
    readonly meshPort: number
    readonly network: HostNetwork
    readonly nowMs: () => number
    readonly log: Log
  },
  options: MdnsOptions = {},
): MdnsSource {
  const { port = 5353, group = '224.0.0.251', gatherMs = 1_000 } = options
  const { log } = parts
  const open = new Map<string, MulticastDNS>()
  const failed = new Set<string>()
  const remembered = new Map<string, number>()

  /** What a handler throws would end the process: packets come from anybody. */
  function guard(run: () => void): void {
    try {
      run()
    } catch (err) {
      log.debug({ err }, 'mDNS packet not understood')
    }
  }

  function openOn(address: string): MulticastDNS {
    const options = { port, ip: group, interface: address, bind: '0.0.0.0', reuseAddr: true }
    const mdns = multicastDns(options)
    let second = Number.NEGATIVE_INFINITY
    let answered = 0
    mdns.on('error', err => {
      const level = failed.has(address) ? 'debug' : 'warn'
      failed.add(address)
      log[level]({ address, err }, 'mDNS cannot be had on an interface')
      drop(address)
    })
    mdns.on('warning', err => log.debug({ address, err }, 'mDNS packet not understood'))
    mdns.on('query', ({ questions = [] }) =>
      guard(() => {
        const isMeant = questions.some(
          ({ name, type }) => name.toLowerCase() === serviceName && /^(?:PTR|ANY)$/.test(type),
        )
        const nowSecond = Math.floor(parts.nowMs() / 1_000)
        if (nowSecond !== second) answered = 0
        second = nowSecond
        if (!isMeant || answered >= answersPerSecond) return
        answered += 1
        mdns.respond(answersFor({ ...parts, keyIds: parts.keyIds(), address }))
      }),
    )
    mdns.on('response', (packet: ResponsePacket, from: { readonly address: string }) =>
      guard(() => hear(packet, from.address)),
    )
    return mdns
  }

  function hear({ answers = [], additionals = [] }: ResponsePacket, from: string): void {
    const keyIds = new Set(parts.keyIds())
    for (const node of readAnswers([...answers, ...additionals])) {
      const isOurs = node.keyIds.some(id => keyIds.has(id))
      // The same id from elsewhere is another node with this node's key: whoever dials it finds out.
      const isSelf = node.id === parts.self && parts.network.addresses().includes(from)
      if (isSelf || !isOurs) continue
      const address = `${from}:${node.port}`
      remembered.delete(address)
      remembered.set(address, parts.nowMs())
    }
    for (const oldest of remembered.keys()) {
      if (remembered.size <= maxRemembered) break
      remembered.delete(oldest)
    }
  }

  function drop(address: string): void {
    const mdns = open.get(address)
    open.delete(address)
    mdns?.destroy()
  }

  function followInterfaces(): void {
    const addresses = parts.network.addresses().filter(address => !address.includes(':'))
    for (const address of [...open.keys()]) if (!addresses.includes(address)) drop(address)
    for (const address of addresses) {
      if (!open.has(address)) open.set(address, openOn(address))
    }
  }

  return {
    name: 'mdns',
    async find(signal) {
      followInterfaces()
      for (const mdns of open.values()) mdns.query(serviceName, 'PTR')
      await wait(gatherMs, undefined, { signal, ref: false })
      const sinceMs = parts.nowMs() - rememberedMs
      for (const [address, atMs] of remembered) if (atMs < sinceMs) remembered.delete(address)
      return [...remembered.keys()]
    },
    async close() {
      await Promise.all(
        [...open.values()].map(mdns => new Promise<void>(resolve => mdns.destroy(() => resolve()))),
      )
      open.clear()
    },
  }
}
