import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pull } from '../test/system/support/client.ts'
import { registryConfig } from '../test/system/support/docker-registry.ts'
import { program } from '../test/system/support/holdfast.ts'
import { freePort, type Running, start } from '../test/system/support/process.ts'
import { atMost, beside, type Figure } from './figure.ts'
import { residentMb } from './memory.ts'
import type { Published } from './process/upstream.ts'
import { registryName, type Scene, startBenchNode } from './scene.ts'
import { startUpstream } from './upstream.ts'

const rounds = 9
/** With a config each and one or two layers: 2 000 manifests, 5 000 blobs. */
const manifests = 2_000
const clients = 8
/** A node is idle once it had nothing to do for so long. */
const idleMs = 8_000

/** What can be started and asked. */
interface Startable {
  readonly command: string
  readonly args: readonly string[]
  readonly port: number
}

/** From the start of the process to its first answer, with nothing in the store and with much; and what it then takes to sit there. */
export async function startToReady(scene: Scene): Promise<readonly Figure[]> {
  const upstream = await startUpstream()
  scene.owned.defer(upstream.close)
  const images = manyImages()
  await upstream.tell({ do: 'publish', images })
  const empty = await prepare(scene, 'empty', upstream.url, [])
  scene.say(`filling a store with ${manifests} images`)
  const full = await prepare(scene, 'full', upstream.url, images)
  const port = await freePort()
  const config = await registryConfig(join(scene.dir, 'registry'), `127.0.0.1:${port}`)
  const registry = { command: 'docker-registry', args: ['serve', config], port }

  const emptyMs: number[] = []
  const fullMs: number[] = []
  const registryMs: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    scene.say(`start ${round} of ${rounds}`)
    emptyMs.push(await timeStart(empty))
    fullMs.push(await timeStart(full))
    registryMs.push(await timeStart(registry))
  }
  const ready = (what: string, times: readonly number[]): Figure => ({
    what,
    unit: 'ms',
    ...beside(times, 'docker-registry', registryMs),
    aim: atMost(500),
  })
  scene.say('idle')
  return [
    ready('start to first answer, empty', emptyMs),
    ready('start to first answer, 2 000 manifests and 5 000 blobs', fullMs),
    { what: 'resident, idle, empty', value: await idle(empty), unit: 'MB', aim: atMost(90) },
    {
      what: 'resident, idle, 2 000 manifests and 5 000 blobs',
      value: await idle(full),
      unit: 'MB',
      peer: { name: 'docker-registry', value: await idle(registry) },
      aim: atMost(90),
    },
  ]
}

const manyImages = (): Published[] =>
  Array.from({ length: manifests }, (_, at) => ({
    repository: `team-${at % 40}/app-${Math.floor(at / 40) % 10}`,
    tag: `v${Math.floor(at / 400)}`,
    salt: `start-${at}`,
    layers: at % 2 === 0 ? [1024] : [1024, 2048],
  }))

/** Has a node pull these images, stops it, and tells how it is started again. */
async function prepare(
  scene: Scene,
  name: string,
  upstream: string,
  images: readonly Published[],
): Promise<Startable> {
  const node = await startBenchNode(scene, name, upstream)
  const left = [...images]
  const client = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) {
      await pull(node.mirror, registryName, one.repository, one.tag)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  await node.stop()
  const file = join(scene.dir, name, 'holdfast.yaml')
  const args = [program, 'serve', '--config', file]
  return { command: process.execPath, args, port: Number(new URL(node.mirror).port) }
}

async function timeStart(startable: Startable): Promise<number> {
  const { running, tookMs } = await startAndAsk(startable)
  await running.stop()
  return tookMs
}

async function idle(startable: Startable): Promise<number> {
  const { running } = await startAndAsk(startable)
  await delay(idleMs)
  const resident = await residentMb(running.pid)
  await running.stop()
  return resident
}

/** Somebody's outgoing connection may hold a port of ours just then: such a start is made again. */
async function startAndAsk(startable: Startable) {
  let output = ''
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const beganMs = performance.now()
    const running = start(startable.command, startable.args)
    if (await comesUp(running, startable.port)) {
      return { running, tookMs: performance.now() - beganMs }
    }
    output = running.output()
    await delay(1_000)
  }
  throw new Error(`${startable.command} does not start: ${output}`)
}

/** Waits for the first answer; `false` when the process ended instead. */
async function comesUp(running: Running, port: number): Promise<boolean> {
  while (!(await answers(port))) {
    if (running.child.exitCode !== null) return false
    await delay(1)
  }
  return true
}

/** Whether `GET /v2/` is answered well, by as little code as that takes. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('GET /v2/ HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n')
    const [answer] = await once(socket, 'data')
    return String(answer).startsWith('HTTP/1.1 200')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
