import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createPeerIdentity } from '../../../src/adapters/peer-http/certificate.ts'
import type { PeerHttpClient } from '../../../src/adapters/peer-http/client.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { makeClient, never, options } from './support.ts'

const one = Buffer.of(1)
const digest = digestOf(one)
const repository = { registry: 'a.lab', repository: 'b' }
const question = { digest, repository, offset: 0, relay: false, priority: 'pull' } as const
const path = fileURLToPath(new URL('./holding-child.ts', import.meta.url))

/** A node in another process. */
async function startNode(t: Test) {
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const child = spawn(process.execPath, [path, pem], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const [line] = await once(child.stdout, 'data')
  const { id } = createPeerIdentity(privateKey)
  return { id, address: String(line).trim(), child }
}

/** Reads until it fails, and tells of what and when, from `sinceMs` on. */
async function readOn(body: AsyncIterator<Uint8Array>, sinceMs: () => number) {
  try {
    while (!(await body.next()).done);
    return { code: 'whole', ms: 0 }
  } catch (error) {
    return { code: (error as { code?: string }).code, ms: performance.now() - sinceMs() }
  }
}

/** A blob and a long answer on the way. */
async function beginTransfers(client: PeerHttpClient, id: string) {
  const blob = await client.openBlob(id, question, { signal: never, firstByteMs: 10_000 })
  const bodies = [
    blob.body[Symbol.asyncIterator](),
    client.stream(id, 'endless', one, { signal: never })[Symbol.asyncIterator](),
  ]
  for (const body of bodies) await body.next()
  return bodies
}

t.test(
  'a stopped node costs a bounded time, whatever it is asked, and answers when it goes on',
  async t => {
    const { id, address, child } = await startNode(t)
    const stallMs = 500
    const silent: string[] = []
    const client = makeClient(
      t,
      { [id]: [address] },
      { stallMs, onSilent: of => silent.push(of), onStalled: of => silent.push(of) },
    )
    await client.call(id, 'echo', one, options)
    const bodies = await beginTransfers(client, id)
    // On a busy machine it may have been silent before.
    silent.length = 0
    child.kill('SIGSTOP')
    const stoppedAtMs = performance.now()
    const ends = bodies.map(body => readOn(body, () => stoppedAtMs))
    const soon = { signal: never, timeoutMs: 700 }
    const timeout = { name: 'PeerFailure', code: 'timeout' }
    await t.rejects(client.call(id, 'echo', one, soon), timeout)
    await t.rejects(client.getManifest(id, digest, repository, soon), timeout)
    await t.rejects(client.getChunkHashes(id, { digest, repository }, soon), timeout)
    const opening = client.openBlob(id, question, { signal: never, firstByteMs: 700 })
    await t.rejects(opening, timeout)
    for (const { code, ms } of await Promise.all(ends)) {
      t.equal(code, 'timeout')
      t.ok(ms < stallMs + 5_000, `${ms} ms`)
    }
    t.equal(silent.length, 6)
    child.kill('SIGCONT')
    t.same(await client.call(id, 'echo', one, options), one)
  },
)

t.test('a killed node breaks what is on the way at once', async t => {
  const { id, address, child } = await startNode(t)
  const client = makeClient(t, { [id]: [address] }, { stallMs: 60_000 })
  const bodies = await beginTransfers(client, id)
  const killedAtMs = performance.now()
  const ends = bodies.map(body => readOn(body, () => killedAtMs))
  child.kill('SIGKILL')
  for (const { code, ms } of await Promise.all(ends)) {
    t.equal(code, 'unreachable')
    t.ok(ms < 5_000, `${ms} ms`)
  }
  await t.rejects(client.call(id, 'echo', one, options), { code: 'unreachable' })
})
