/** Some nodes of a mesh in one process, which does what its parent tells it. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { openLibp2pBus } from '../../src/adapters/libp2p/open-bus.ts'
import type { Bus } from '../../src/ports/bus.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { ClusterKeys } from '../../src/ports/cluster-keys.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { GossipAnswer, GossipOrder } from '../mesh-gossip.ts'

const messageBytes = 300

const keys: ClusterKeys = {
  current: () => [{ id: '0badcafe', secret: Buffer.alloc(32, 'bench') }],
  onChange: () => () => {},
}
const nodes: Bus[] = []
let delaysMs: number[] = []
let cpu = process.cpuUsage()

/** Of a clock that all processes of the machine share. */
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

async function start(): Promise<void> {
  const { privateKey } = generateKeyPairSync('ed25519')
  const parts = { privateKey, keys, clock: systemClock, log: silentLog }
  const bus = await openLibp2pBus(parts, { listen: { host: '127.0.0.1', port: 0 } })
  bus.judge(message => {
    delaysMs.push(nowMs() - Buffer.from(message).readDoubleLE())
    return 'accept'
  })
  nodes.push(bus)
}

async function publish(at: number): Promise<void> {
  const message = randomBytes(messageBytes)
  message.writeDoubleLE(nowMs())
  await nodes[at]?.publish(message)
}

async function obey(order: GossipOrder): Promise<GossipAnswer> {
  if (order.do === 'start') {
    for (let count = 0; count < order.count; count += 1) await start()
    return { addresses: nodes.flatMap(({ listening }) => listening) }
  }
  if (order.do === 'dial') {
    for (const { at, address } of order.dials) {
      await nodes[at]?.dial(address, AbortSignal.timeout(20_000))
    }
    return {}
  }
  if (order.do === 'publish') {
    await publish(order.at)
    return {}
  }
  const { user, system } = process.cpuUsage(cpu)
  const answer = {
    delaysMs,
    neighbours: nodes.map(bus => bus.neighbours().length),
    cpuMs: (user + system) / 1_000,
  }
  delaysMs = []
  cpu = process.cpuUsage()
  return answer
}

process.on('message', (order: GossipOrder) => {
  obey(order).then(
    answer => process.send?.(answer),
    error => {
      throw error
    },
  )
})
process.once('disconnect', () => process.exit())
