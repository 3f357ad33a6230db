import t from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import type { Holders } from '../../src/ports/holders.ts'
import type { PeerClient } from '../../src/ports/peer-port.ts'
import { measureHolders, measurePeers } from '../../src/telemetry/measured-peers.ts'
import { createMeshMetrics } from '../../src/telemetry/mesh-metrics.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

const digest = `sha256:${'ab'.repeat(32)}` as Digest
const { signal } = new AbortController()

t.test('content of other nodes is counted by its bytes', async t => {
  const metrics = createMetrics({ version: '1' })
  const { peers } = createMeshMetrics(metrics.registry, metrics.receivedFromPeer)
  async function* body() {
    yield Buffer.alloc(300)
    yield Buffer.alloc(700)
  }
  const client = measurePeers(
    {
      getManifest: async () => ({ mediaType: 'x', bytes: Buffer.alloc(40) }),
      openBlob: async () => ({ body: body() }),
    } as unknown as PeerClient,
    peers,
  )
  await client.getManifest('', digest, { registry: '', repository: '' }, { signal, timeoutMs: 1 })
  const { body: counted } = await client.openBlob('', {} as never, { signal, firstByteMs: 1 })
  for await (const _ of counted);
  t.match((await metrics.expose()).text, 'holdfast_bytes_total{source="peer",direction="in"} 1040')
})

t.test('a look-up is measured as it was asked for', async t => {
  const asked: unknown[] = []
  const holders = measureHolders(
    {
      async find(...question: unknown[]) {
        asked.push(question)
        return new Map()
      },
    } as unknown as Holders,
    {
      meter: { received() {}, lookedUp() {} },
      clock: { monotonicMs: () => 0 },
      budgetMs: 50,
    },
  )
  const options = { patienceMs: 500, saidBy: 'a' }
  await holders.find([digest], signal, options)
  t.strictSame(asked, [[[digest], signal, options]])
})

t.test('a look-up is found, missed or late', async t => {
  let nowMs = 0
  const results: string[] = []
  const held = new Map<Digest, readonly string[]>()
  let takesMs = 1
  const holders = measureHolders(
    {
      async find() {
        nowMs += takesMs
        return held
      },
    } as unknown as Holders,
    {
      meter: { received() {}, lookedUp: result => results.push(result) },
      clock: { monotonicMs: () => nowMs },
      budgetMs: 50,
    },
  )
  await holders.find([digest], signal)
  takesMs = 50
  await holders.find([digest], signal)
  held.set(digest, ['a'])
  await holders.find([digest], signal)
  t.strictSame(results, ['missed', 'late', 'found'])
})
