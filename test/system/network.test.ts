import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeImage, type TestImage } from '../support/image.ts'
import { registryConfig, startDockerRegistry } from './support/docker-registry.ts'
import { type HoldfastNode, startNode } from './support/holdfast.ts'
import { type Cable, layCable } from './support/netns.ts'
import { type Running, run, start, until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

/** How long a client waits for the registry, and what bounds an answer: that, and what it takes a busy machine to start programs. */
const [timeoutMs, boundMs] = [2_000, 8_000]
const upstreamPort = 5000

/** A node at one end of a cable and a real registry at the other. */
interface Site {
  readonly cable: Cable
  readonly image: TestImage
  node(): Promise<HoldfastNode>
  /** skopeo, at the node's end, through the mirror: the digest, and the time it took. */
  inspect(node: HoldfastNode): Promise<{ digest: string; tookMs: number }>
  /** The headers of one HEAD at the node's end. */
  head(node: HoldfastNode): Promise<{ text: string; tookMs: number }>
  /** All bytes, with skopeo. */
  copy(node: HoldfastNode): Promise<void>
  close(): Promise<void>
}

async function openSite(upstreamHost: string): Promise<Site> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-network-'))
  const cable = await layCable()
  const image = makeImage({ layers: [500_000], salt: dir })
  const filling = await startDockerRegistry(join(dir, 'origin'))
  await filling.push('app', 'latest', image)
  await filling.stop()
  const config = await registryConfig(join(dir, 'origin'), `0.0.0.0:${upstreamPort}`)
  const [command = '', ...args] = [...cable.upstream, 'docker-registry', 'serve', config]
  const registry: Running = start(command, args)
  const nodes: HoldfastNode[] = []
  const within = async (line: readonly string[]) => {
    const [first = '', ...rest] = [...cable.node, ...line]
    const beganMs = performance.now()
    const text = await run(first, rest, { timeoutMs: 30_000 })
    return { text, tookMs: performance.now() - beganMs }
  }
  await until('the registry answers at the node’s end', () =>
    within(['curl', '-sf', `http://${cable.upstreamAddress}:${upstreamPort}/v2/`]).then(
      () => true,
      () => false,
    ),
  )
  const reference = (node: HoldfastNode) =>
    `docker://${new URL(node.mirror).host}/${registryName}/app:latest`
  return {
    cable,
    image,
    async node() {
      const url = `http://${upstreamHost}:${upstreamPort}`
      const upstreams = { [registryName]: { url } }
      const node = await startNode({
        dir: join(dir, 'node'),
        config: { upstreams, resolve: { timeoutMs } },
        through: cable.node,
        reach: 'elsewhere',
      })
      nodes.push(node)
      await until('the node is ready', () =>
        within(['curl', '-sf', `${node.health}/readyz`]).then(
          () => true,
          () => false,
        ),
      )
      return node
    },
    async inspect(node) {
      const { text, tookMs } = await within([
        'skopeo',
        'inspect',
        '--raw',
        '--tls-verify=false',
        reference(node),
      ])
      return { digest: makeDigest(text), tookMs }
    },
    head: node =>
      within([
        'curl',
        '-sI',
        '--max-time',
        '20',
        `${node.mirror}/v2/app/manifests/latest?ns=${registryName}`,
      ]),
    async copy(node) {
      const target = await mkdtemp(join(tmpdir(), 'holdfast-copy-'))
      await within([
        'skopeo',
        '--insecure-policy',
        'copy',
        '-q',
        '--src-tls-verify=false',
        reference(node),
        `dir:${target}`,
      ])
      await rm(target, { recursive: true })
    },
    async close() {
      for (const node of nodes) await node.stop('SIGKILL')
      await registry.stop()
      await cable.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function makeDigest(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

t.test(
  'packets to upstream vanish: skopeo pulls the last known image, and a fresh one when they come back',
  async t => {
    const site = await openSite('10.99.7.2')
    t.teardown(() => site.close())
    const node = await site.node()
    await site.copy(node)
    t.match((await site.head(node)).text, /holdfast-source: upstream/i)

    await site.cable.drop()
    const first = await site.head(node)
    t.match(first.text, /holdfast-source: ledger/i)
    t.ok(first.tookMs < boundMs, `discovered in ${first.tookMs} ms`)
    await until(
      'it is known to be down',
      async () => (await site.head(node)).tookMs < timeoutMs / 2,
    )
    const inspected = await site.inspect(node)
    t.equal(inspected.digest, site.image.digest)
    await site.copy(node)

    t.equal(await node.stop(), 0)
    const again = await site.node()
    const restarted = await site.head(again)
    t.match(restarted.text, /holdfast-source: ledger/i)
    t.ok(restarted.tookMs < boundMs, `after a restart: ${restarted.tookMs} ms`)

    await site.cable.undrop()
    const beganMs = performance.now()
    await until('fresh again', async () => /source: upstream/i.test((await site.head(again)).text))
    t.comment(`fresh ${Math.round(performance.now() - beganMs)} ms after packets passed again`)
  },
)

t.test(
  'the name server dies: the last good address goes on; after a restart, the last known image',
  async t => {
    const site = await openSite('upstream.example.test')
    t.teardown(() => site.close())
    const known = `127.0.0.1 localhost\n${site.cable.upstreamAddress} upstream.example.test\n`
    await site.cable.etc('hosts', known)
    const node = await site.node()
    await site.copy(node)

    await site.cable.etc('hosts', '127.0.0.1 localhost\n')
    t.match(
      (await site.head(node)).text,
      /holdfast-source: upstream/i,
      'DNS dead, registry alive: fresh',
    )

    t.equal(await node.stop(), 0)
    const again = await site.node()
    const first = await site.head(again)
    t.match(first.text, /holdfast-source: ledger/i)
    t.ok(first.tookMs < boundMs, `no name at all: ${first.tookMs} ms`)
    await site.copy(again)

    await site.cable.etc('hosts', known)
    await until('fresh again', async () => /source: upstream/i.test((await site.head(again)).text))
  },
)
