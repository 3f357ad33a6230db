import t from 'tap'
import type { Fault } from '../../support/registry-faults.ts'
import { stopTime } from './support/stopped-time.ts'
import {
  at,
  bytesOf,
  failsAs,
  layer,
  makeUpstream,
  never,
  repository,
  serveRegistry,
  upstreamOf,
} from './support/upstream.ts'

const { digest, size, bytes } = layer
const whole = { kind: 'blob' } as const

t.test('a blob comes whole, with its size', async t => {
  const registry = await serveRegistry(t)
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, 0, never)
  t.match(blob, { offset: 0, size })
  t.ok((await bytesOf(blob.body)).equals(bytes))
  t.match(registry.log[0]?.headers, { 'accept-encoding': 'identity' })
  t.equal(registry.log[0]?.range, undefined)
})

t.test('a blob is continued at an offset', async t => {
  const registry = await serveRegistry(t)
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, 300_001, never)
  t.match(blob, { offset: 300_001, size })
  t.ok((await bytesOf(blob.body)).equals(bytes.subarray(300_001)))
  t.equal(registry.log[0]?.range, 'bytes=300001-')
  t.equal(registry.log[0]?.bytes, size - 300_001, 'and only what is missing is sent')
})

t.test('a source that ignores ranges says so by its offset', async t => {
  const registry = await serveRegistry(t)
  const fault = registry.fault({ do: 'ignore-range' })
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, 300_001, never)
  t.match(blob, { offset: 0, size })
  t.ok((await bytesOf(blob.body)).equals(bytes))
  t.equal(fault.hits, 1)
})

t.test('an offset beyond the end gets the blob from its beginning', async t => {
  const registry = await serveRegistry(t)
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, size + 5, never)
  t.match(blob, { offset: 0, size })
  t.ok((await bytesOf(blob.body)).equals(bytes))
  t.strictSame(
    registry.log.map(({ status }) => status),
    [416, 200],
  )
})

for (const range of [
  'bytes 0-699999/700000',
  `bytes 10-20/${size}`,
  `bytes 11-${size - 1}/${size}`,
  'bytes */5',
  'octets 10-20/21',
  undefined,
]) {
  t.test(`a 206 whose Content-Range is ${range} is refused`, async t => {
    const registry = await serveRegistry(t)
    const fault = registry.fault({ do: 'headers', headers: { 'content-range': range } })
    const blob = upstreamOf(t, registry).getBlob(at(registry), digest, 10, never)
    await failsAs(t, blob, 'unreachable', 'protocol')
    t.equal(fault.hits, 1)
  })
}

t.test('a part that nobody asked for is refused', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'status', status: 206, body: 'part' })
  const blob = upstreamOf(t, registry).getBlob(at(registry), digest, 0, never)
  await failsAs(t, blob, 'unreachable', 'protocol')
})

t.test('a range without a known total is taken', async t => {
  const registry = await serveRegistry(t)
  const range = `bytes 10-${size - 1}/*`
  registry.fault({ do: 'headers', headers: { 'content-range': range } })
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, 10, never)
  t.match(blob, { offset: 10, size: undefined })
  t.equal((await bytesOf(blob.body)).length, size - 10)
})

t.test('an encoded blob is refused', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'headers', headers: { 'content-encoding': 'gzip' } })
  const blob = upstreamOf(t, registry).getBlob(at(registry), digest, 0, never)
  await failsAs(t, blob, 'unreachable', 'protocol')
})

const cuts: readonly (readonly [Fault, 'reset' | 'stalled'])[] = [
  [{ do: 'truncate', afterBytes: 100_000, with: 'fin' }, 'reset'],
  [{ do: 'truncate', afterBytes: 100_000, with: 'rst' }, 'reset'],
  [{ do: 'freeze', at: 'body', afterBytes: 100_000 }, 'stalled'],
]
for (const [fault, reason] of cuts) {
  t.test(`${JSON.stringify(fault)} ends the body as ${reason}, in bounded time`, async t => {
    const registry = await serveRegistry(t)
    const active = registry.fault(fault)
    const stallMs = reason === 'stalled' ? 800 : 20_000
    const timeouts = { connectMs: 10_000, headersMs: 10_000, stallMs }
    const upstream = upstreamOf(t, registry, { timeouts })
    const blob = await upstream.getBlob(at(registry), digest, 0, never)
    let received = 0
    const reading = async () => {
      for await (const chunk of blob.body) received += chunk.length
    }
    await failsAs(t, reading(), 'unreachable', reason)
    t.equal(active.hits, 1)
    t.equal(received, 100_000, 'what came is delivered')
    active.heal()
    const rest = await upstream.getBlob(at(registry), digest, received, never)
    t.ok((await bytesOf(rest.body)).equals(bytes.subarray(received)), 'and can be continued')
  })
}

t.test('a chunked body that ends early is told by its range', async t => {
  const registry = await serveRegistry(t)
  const short = bytes.subarray(10, 5_000).toString('latin1')
  registry.fault({
    do: 'status',
    status: 206,
    headers: {
      'content-range': `bytes 10-${size - 1}/${size}`,
      'content-length': '',
      'transfer-encoding': 'chunked',
    },
    body: short,
  })
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, 10, never)
  await failsAs(t, bytesOf(blob.body), 'unreachable', 'reset')
})

t.test('a body longer than its range is refused', async t => {
  const registry = await serveRegistry(t)
  registry.fault({
    do: 'status',
    status: 206,
    headers: { 'content-range': `bytes 10-${size - 1}/${size}`, 'content-length': '' },
    body: 'x'.repeat(size),
  })
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, 10, never)
  await failsAs(t, bytesOf(blob.body), 'unreachable', 'protocol')
})

t.test('whoever stops reading closes the connection', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'slow', bytesPerSecond: 2_000_000 })
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, 0, never)
  for await (const chunk of blob.body) {
    t.ok(chunk.length > 0)
    break
  }
  await registry.waitFor(log => log[0]?.isAborted === true)
  t.ok(registry.bytesSent('blob') < size)
})

t.test('a body that is never begun can be closed too', async t => {
  const registry = await serveRegistry(t)
  registry.fault({ do: 'slow', bytesPerSecond: 2_000_000 })
  const blob = await upstreamOf(t, registry).getBlob(at(registry), digest, 0, never)
  await blob.body[Symbol.asyncIterator]().return?.()
  await registry.waitFor(log => log[0]?.isAborted === true)
})

t.test('the signal ends a body that is being read', async t => {
  const registry = await serveRegistry(t)
  const active = registry.fault({ do: 'freeze', at: 'body', afterBytes: 1_000 })
  const upstream = upstreamOf(t, registry)
  const asked = new AbortController()
  const blob = await upstream.getBlob(at(registry), digest, 0, asked.signal)
  const body = bytesOf(blob.body)
  await registry.waitFor(log => log[0]?.bytes === 1_000)
  asked.abort()
  await failsAs(t, body, 'unreachable', 'timeout')
  t.equal(active.hits, 1)
})

t.test('a reader slower than the stall limit is not taken for a stalled source', async t => {
  const registry = await serveRegistry(t)
  const timeouts = { connectMs: 10_000, headersMs: 1_200, stallMs: 500 }
  const upstream = upstreamOf(t, registry, { timeouts })
  const blob = await upstream.getBlob(at(registry), digest, 0, never)
  const other = registry.fault({ do: 'freeze' }, { kind: 'tags' })
  let received = 0
  for await (const chunk of blob.body) {
    // Something that takes longer than the limit: another question's own time limit.
    if (received === 0) await upstream.listTags(at(registry), never).catch(() => {})
    received += chunk.length
  }
  t.equal(received, size)
  t.equal(other.hits, 1)
})

t.test('bodies that stall make the blobs of a repository known to be down', async t => {
  const registry = await serveRegistry(t)
  const frozen = registry.fault({ do: 'freeze', at: 'body', afterBytes: 1_000 }, whole)
  const timeouts = { connectMs: 10_000, headersMs: 10_000, stallMs: 300 }
  const upstream = upstreamOf(t, registry, { timeouts })
  const open = () => upstream.getBlob(at(registry), digest, 0, never)
  const blobs = [await open(), await open()]
  for (const { body } of blobs) await failsAs(t, bytesOf(body), 'unreachable', 'stalled')
  await failsAs(t, open(), 'unreachable', 'known-down')
  t.equal(frozen.hits, 2)
})

t.test('bodies that are cut do not: whoever asks again learns more', async t => {
  const registry = await serveRegistry(t)
  const cut = registry.fault({ do: 'truncate', afterBytes: 1_000, with: 'fin' }, whole)
  const upstream = upstreamOf(t, registry)
  const open = () => upstream.getBlob(at(registry), digest, 0, never)
  const blobs = [await open(), await open(), await open()]
  for (const { body } of blobs) await failsAs(t, bytesOf(body), 'unreachable', 'reset')
  cut.heal()
  t.ok((await bytesOf((await open()).body)).equals(bytes))
  t.equal(cut.hits, 3)
})

t.test('in the background only the first byte of a blob is asked for', async t => {
  const registry = await serveRegistry(t)
  const time = stopTime()
  const upstream = upstreamOf(t, registry, {}, { ...time, random: () => 0 })
  const recovered = new Promise(resolve => upstream.onRecovered((_, name) => resolve(name)))
  const broken = registry.fault({ do: 'status', status: 500 }, whole)
  const open = () => upstream.getBlob(at(registry), digest, 300_000, never)
  for (let n = 0; n < 2; n += 1) await failsAs(t, open(), 'unreachable', 'status')
  await failsAs(t, open(), 'unreachable', 'known-down')
  broken.heal()
  registry.clearLog()
  const sends = registry.fault({ do: 'ignore-range' }, whole)
  const slowly = registry.fault({ do: 'slow', bytesPerSecond: 2_000_000 }, whole)
  time.advance(2_000)
  t.equal(await recovered, repository)
  t.match(registry.log, [{ kind: 'blob', range: 'bytes=0-0' }])
  await registry.waitFor(log => log[0]?.isAborted === true)
  t.ok(registry.bytesSent('blob') < size, 'and not more is read from those who send more')
  sends.heal()
  slowly.heal()
  t.equal((await open()).offset, 300_000)
})

t.test('a blob from another host', async t => {
  const host = await serveRegistry(t)
  const registry = await serveRegistry(t)
  registry.fault({ do: 'redirect', to: host.url }, whole)
  const authorizer = {
    header: async () => 'Bearer secret',
    answer: async () => undefined,
    forget() {},
  }

  t.test('comes without credentials, from the offset asked for', async t => {
    const upstream = upstreamOf(t, registry, {}, { authorizer })
    const blob = await upstream.getBlob(at(registry), digest, 10, never)
    t.ok((await bytesOf(blob.body)).equals(bytes.subarray(10)))
    t.match(host.log.at(-1), { range: 'bytes=10-', authorization: undefined })
    t.match(registry.log.at(-1), { authorization: 'Bearer secret' })
  })

  t.test('that is dead fails in bounded time, and the registry stays reachable', async t => {
    const timeouts = { connectMs: 10_000, headersMs: 600, stallMs: 10_000 }
    const settings = { url: registry.url, timeouts }
    const upstream = makeUpstream(t, { [registry.host]: settings })
    const frozen = host.fault({ do: 'freeze' })
    for (let n = 0; n < 3; n += 1) {
      const blob = upstream.getBlob(at(registry), digest, 0, never)
      const failure = await blob.catch(error => error)
      t.equal(failure.reason, n < 2 ? 'timeout' : 'known-down', 'after two the host is known down')
      t.equal(upstream.reach(at(registry)).state, 'reachable')
    }
    t.equal(frozen.hits, 2)
  })

  t.test('is not asked for credentials', async t => {
    const refusing = await serveRegistry(t)
    refusing.fault({
      do: 'status',
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/token"' },
    })
    const front = await serveRegistry(t)
    front.fault({ do: 'redirect', to: refusing.url }, whole)
    let dances = 0
    const curious = {
      header: async () => undefined,
      answer: async () => {
        dances += 1
        return 'Bearer secret'
      },
      forget() {},
    }
    const upstream = upstreamOf(t, front, {}, { authorizer: curious })
    await failsAs(t, upstream.getBlob(at(front), digest, 0, never), 'denied', 'denied')
    t.equal(dances, 0)
  })
})
