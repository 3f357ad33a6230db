import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { openLibp2pBus } from '../../../src/adapters/libp2p/open-bus.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { createChangingKeys } from '../../support/cluster-keys.ts'
import { until } from '../../system/support/process.ts'
import { startBus, startLibp2p } from './support.ts'

const soon = (): AbortSignal => AbortSignal.timeout(10_000)

async function startChild(t: Test, ...args: string[]) {
  const path = fileURLToPath(new URL('bus-child.ts', import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  t.teardown(() => child.kill('SIGKILL'))
  const address = await until('it listens', () => /listening (\S+)/.exec(output)?.[1])
  return { child, address, output: () => output }
}

t.test('a node that is closed leaves nothing that keeps its process', async t => {
  const { bus, changes } = await startBus(t)
  const { child, output } = await startChild(t, bus.listening[0] ?? '')
  await until('it joined', () => changes.length === 1 && output().includes('joined'))
  child.stdin.write('end\n')
  const beganMs = performance.now()
  const [code] = await once(child, 'close')
  t.equal(code, 0)
  t.ok(performance.now() - beganMs < 10_000)
  t.match(output(), /closed/)
  await until('it left', () => changes.includes('left'))
})

t.test('a process that is killed has left at once', async t => {
  const { bus, changes } = await startBus(t)
  const { child } = await startChild(t, bus.listening[0] ?? '')
  await until('it joined', () => changes.length === 1)
  child.kill('SIGKILL')
  const beganMs = performance.now()
  await until('it left', () => changes.includes('left'))
  // Who is only silent is found in ten.
  t.ok(performance.now() - beganMs < 6_000)
})

t.test('a stopped neighbour is found in 10 s, costs little until then, and comes back', async t => {
  const { bus, changes } = await startBus(t)
  const { child, address, output } = await startChild(t)
  await bus.dial(address, soon())
  await until('it joined', () => output().includes('joined'))
  child.kill('SIGSTOP')
  const before = usedBytes()
  const beganMs = performance.now()
  let most = 0
  for (let at = 0; !changes.includes('left') && performance.now() - beganMs < 30_000; at += 1) {
    await bus.publish(Buffer.alloc(60_000, `${at} `))
    if (at % 50 === 0) most = Math.max(most, usedBytes() - before)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  const tookMs = Math.round(performance.now() - beganMs)
  t.ok(changes.includes('left') && tookMs < 15_000, `found after ${tookMs} ms`)
  // What was said in the last five seconds is kept for whoever missed it: that is most of it.
  t.ok(most < 45e6, `${Math.round(most / 1e6)} MB more at the most`)
  child.kill('SIGCONT')
  await until('it noticed', () => output().includes('left'))
  await bus.dial(address, soon())
  await bus.publish(Buffer.from('welcome back'))
  await until('it hears', () => output().includes('heard welcome back'))
})

const collectGarbage = (() => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()

function usedBytes(): number {
  collectGarbage()
  const { external, heapUsed } = process.memoryUsage()
  return external + heapUsed
}

t.test('IPv6 is spoken as IPv4 is', async t => {
  const one = await startBus(t, { host: '::1' })
  const other = await startBus(t, { host: '::1' })
  t.match(one.address, /^\[::1\]:\d+$/)
  t.equal(await other.bus.dial(one.address, soon()), one.bus.self)
  t.match(other.bus.neighbours(), [{ address: one.address }])
  await other.bus.publish(Buffer.from('six'))
  await until('it is heard', () => one.heard.includes('six'))
})

t.test('an address that is in use is told as the system tells it', async t => {
  const { address } = await startBus(t)
  const port = Number(address.split(':')[1])
  const parts = {
    privateKey: generateKeyPairSync('ed25519').privateKey,
    keys: createChangingKeys('k'),
    clock: systemClock,
    log: silentLog,
  }
  await t.rejects(openLibp2pBus(parts, { listen: { host: '127.0.0.1', port } }), {
    code: 'EADDRINUSE',
    port,
  })
})

t.test('who it is comes from the node key alone', async t => {
  const { bus } = await startBus(t)
  t.match(bus.self, /^[0-9a-f]{64}$/)
  await t.rejects(startLibp2p(createChangingKeys()), RangeError, 'and no mesh without a key')
})
