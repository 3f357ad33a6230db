/** The table of members alone: prints as JSON what a hello and a member cost in it. */

import { encodeHello } from '../../src/mesh/hello.ts'
import { createMemberTable } from '../../src/mesh/member-table.ts'
import { encodeHellos, type ToldHello } from '../../src/mesh/mesh-message.ts'
import { silentLog } from '../../src/ports/log.ts'
import { helloOf, plainTime, signatureOf } from '../../test/mesh/support.ts'
import { createMovableClock } from '../../test/support/movable-clock.ts'
import type { MembersOrder, MembersReport } from '../mesh-scale.ts'

const order = JSON.parse(process.argv[2] ?? '') as MembersOrder
const clock = createMovableClock(Date.UTC(2026, 5, 1))
const nodes = Array.from({ length: order.members }, () => signatureOf())

function helloBy(node: (typeof nodes)[number], sequence: number): ToldHello {
  const body = encodeHello(helloOf(node.self, { sequence, name: `edge-${sequence}` }))
  return { body, signature: node.sign('hello', body), ageMs: 0 }
}

const heapMb = (): number => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1e6
}

function run(): MembersReport {
  const emptyMb = heapMb()
  const table = createMemberTable(
    { signature: signatureOf(), clock, time: plainTime(clock), log: silentLog, onOwn() {} },
    { protocols: { lowest: 1, highest: 1 }, nonce: 'ffffffffffffffff' },
  )
  for (const node of nodes) table.admit(helloBy(node, 1))
  const alive = table.alive().length
  if (alive !== order.members) throw new Error(`${alive} of ${order.members} are there`)
  const heapKbEach = (1_000 * (heapMb() - emptyMb)) / order.members

  const next = nodes.map(node => helloBy(node, 2))
  const cpu = process.cpuUsage()
  for (const hello of next) table.admit(hello)
  const { user, system } = process.cpuUsage(cpu)
  const helloBytes = encodeHellos(next.slice(0, 1)).length
  return { heapKbEach, helloCpuMs: (user + system) / 1_000 / order.members, helloBytes }
}

process.stdout.write(JSON.stringify(run()))
