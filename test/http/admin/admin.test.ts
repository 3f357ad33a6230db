import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request as requestTls } from 'node:https'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import t from 'tap'
import { Value } from 'typebox/value'
import { ensureAdminToken } from '../../../src/http/admin/admin-token.ts'
import {
  peersAnswer,
  resolutionsAnswer,
  resolveAnswer,
  statusAnswer,
} from '../../../src/http/admin/contract.ts'
import { problem } from '../../../src/http/admin/shapes.ts'
import { noPods } from '../../../src/keep/watch-pods.ts'
import type { Member } from '../../../src/ports/members.ts'
import { makeAuthority } from '../../adapters/registry/support/certificates.ts'
import { manifestDigest, resolved } from '../support.ts'
import { madeUpNode } from './node-support.ts'

import { nowMs, startAdmin } from './support.ts'

t.test('without the token nothing is told but which key names its file', async t => {
  const { ask, token } = await startAdmin(t)
  for (const headers of [
    {},
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: `Bearer ${token}x` },
    { authorization: `Bearer ${token.slice(0, -1)}` },
    { authorization: `Basic ${token}` },
    { authorization: token },
  ]) {
    for (const path of ['/api/v1/status', '/api/v1/nothing', '/']) {
      const got = await ask(path, { headers })
      t.equal(got.status, 401)
      t.equal(got.type, 'application/problem+json')
      t.match(got.body, { detail: /the file that admin\.tokenFile of the node names/ })
      t.match(got.headers, { 'www-authenticate': /Bearer/ })
      t.ok(Value.Check(problem, got.body))
    }
  }
  t.equal((await ask('/api/v1/status')).status, 200)
  t.equal(
    (await ask('/api/v1/status', { headers: { authorization: `bearer ${token}` } })).status,
    200,
  )
})

t.test('resolve tells the answer, and its steps when asked to explain', async t => {
  const asked: unknown[] = []
  const steps = [{ rung: 'pin', outcome: 'no pin' }]
  const { ask } = await startAdmin(t, {
    resolveTag: async (key, { asking }) => {
      asked.push({ ...key, asking })
      return resolved({ key, steps, confirmedAtMs: nowMs, ageSeconds: 60, fresh: false })
    },
  })
  const plain = await ask('/api/v1/resolve?ref=nginx')
  t.equal(plain.status, 200)
  t.ok(Value.Check(resolveAnswer, plain.body))
  t.match(plain.body, {
    node: 'van-1',
    asOf: '2026-11-21T12:00:00.000Z',
    reference: 'docker.io/library/nginx:latest',
    found: true,
    digest: manifestDigest,
    confirmedAt: '2026-11-21T12:00:00.000Z',
    ageSeconds: 60,
    fresh: false,
  })
  t.notOk('steps' in (plain.body as object))
  t.match((await ask('/api/v1/resolve?ref=nginx&explain=true')).body, { steps })
  const key = { registry: 'docker.io', repository: 'library/nginx', tag: 'latest' }
  t.same(asked, Array(2).fill({ ...key, asking: 'explain' }), 'never as a client that pulls')
})

t.test('no answer is an answer', async t => {
  const { ask } = await startAdmin(t, {
    resolveTag: async key => ({
      found: false,
      key,
      reason: 'nothing complete is held',
      failure: 'unreachable',
      steps: [],
    }),
  })
  const got = await ask('/api/v1/resolve?ref=reg.lab:5000/app:1')
  t.equal(got.status, 200)
  t.ok(Value.Check(resolveAnswer, got.body))
  t.match(got.body, { found: false, failure: 'unreachable', reason: 'nothing complete is held' })
})

t.test('questions that make no sense are 400 with what is wrong', async t => {
  const { ask } = await startAdmin(t)
  for (const path of [
    '/api/v1/resolve',
    '/api/v1/resolve?ref=',
    '/api/v1/resolve?ref=UPPER/CASE',
    `/api/v1/resolve?ref=nginx@${manifestDigest}`,
    `/api/v1/resolve?ref=${'a'.repeat(2000)}`,
    '/api/v1/resolve?ref=nginx&explain=perhaps',
    '/api/v1/tags?limit=0',
    '/api/v1/tags?limit=x',
    '/api/v1/tags?limit=1000000',
    '/api/v1/resolutions?at=yesterday',
    '/api/v1/resolutions?ref=:',
    '/api/v1/%zz',
  ]) {
    const got = await ask(path)
    t.equal(got.status, 400, path)
    t.equal(got.type, 'application/problem+json', path)
    t.ok(Value.Check(problem, got.body), path)
  }
  t.equal((await ask('/api/v1/nothing')).status, 404)
  t.equal((await ask('/api/v1/status', { method: 'DELETE' })).status, 404)
})

t.test('filters reach the resolution log', async t => {
  const filters: unknown[] = []
  const { ask } = await startAdmin(t, {
    resolutions: {
      find: filter => {
        filters.push(filter)
        return [
          {
            firstAtMs: nowMs - 1000,
            lastAtMs: nowMs,
            count: 3,
            reference: 'docker.io/library/nginx:1',
            digest: undefined,
            source: 'none',
            reason: 'nothing is known',
            saidBy: undefined,
          },
        ]
      },
    },
  })
  const got = await ask('/api/v1/resolutions?ref=nginx:1&at=2026-11-21T12:00:00Z&limit=5')
  t.ok(Value.Check(resolutionsAnswer, got.body))
  t.match(got.body, {
    items: [
      { reference: 'docker.io/library/nginx:1', count: 3, lastAt: '2026-11-21T12:00:00.000Z' },
    ],
  })
  await ask('/api/v1/resolutions')
  t.same(filters, [
    { reference: 'docker.io/library/nginx:1', atMs: nowMs, limit: 5 },
    { limit: 20 },
  ])
})

t.test('status tells who, what and how well', async t => {
  const { ask } = await startAdmin(t, {
    endpoints: () => [
      {
        registry: 'docker.io',
        url: 'https://registry-1.docker.io',
        state: 'open',
        hasAnswered: true,
        openRepositories: 0,
        lastFailure: 'timeout',
        lastFailureAtMs: nowMs - 1_000,
        downSinceMs: nowMs - 60_000,
      },
    ],
    readiness: () => ({
      ready: true,
      degraded: [{ reason: 'upstream_down', detail: 'docker.io' }],
    }),
  })
  const { body } = await ask('/api/v1/status')
  t.ok(Value.Check(statusAnswer, body))
  t.match(body, {
    node: 'van-1',
    version: '1.2.3',
    mode: 'auto',
    uptimeSeconds: 12,
    ready: true,
    degraded: [{ reason: 'upstream_down' }],
    endpoints: [
      {
        registry: 'docker.io',
        state: 'open',
        answered: true,
        downSince: '2026-11-21T11:59:00.000Z',
        lastFailure: 'timeout',
        lastFailureAt: '2026-11-21T11:59:59.000Z',
      },
    ],
    ledger: { observations: 2, pins: 1 },
    store: { blobs: 3, freeBytes: 4 },
  })
})

t.test('status tells how the containerd of this node is, where somebody looks into it', async t => {
  const neighbour = {
    socket: '/run/c.sock',
    state: 'hanging',
    sinceMs: Date.parse('2026-01-02T03:04:05Z'),
    failure: 'it does not answer',
    version: '2.1.9',
    reads: undefined,
    blobs: 5,
    blobBytes: 60,
    images: 2,
  } as const
  const { ask } = await startAdmin(t, { neighbour: () => neighbour })
  const { body } = await ask('/api/v1/status')
  t.ok(Value.Check(statusAnswer, body))
  const { sinceMs: _, reads: __, ...told } = neighbour
  t.strictSame((body as { containerd: unknown }).containerd, {
    ...told,
    since: '2026-01-02T03:04:05.000Z',
  })
})

t.test('status tells whether the pods of this node are known, and how many', async t => {
  const container = {
    namespace: 'default',
    pod: 'web-0',
    container: 'main',
    images: ['docker.io/library/web:1'],
    digest: undefined,
    firstMs: 0,
    lastMs: 0,
  }
  const pods = {
    ...noPods,
    state: () => ({ state: 'unseen' as const, failure: 'there is no containerd' }),
    containers: () => [
      { ...container, unseenMs: 0 },
      { ...container, pod: 'web-1', unseenMs: 1 },
    ],
  }
  const { ask } = await startAdmin(t, { pods })
  const { body } = await ask('/api/v1/status')
  t.ok(Value.Check(statusAnswer, body))
  const expected = { state: 'unseen', failure: 'there is no containerd', running: 1, ended: 1 }
  t.strictSame((body as { pods: unknown }).pods, expected)
})

t.test('a fault of ours is a 500 that tells nothing of it', async t => {
  const { ask } = await startAdmin(t, {
    storeUsage: async () => {
      throw new Error('inner secret')
    },
  })
  const got = await ask('/api/v1/status')
  t.equal(got.status, 500)
  t.ok(Value.Check(problem, got.body))
  t.notMatch(JSON.stringify(got.body), /inner/)
})

t.test('off loopback it will not start without TLS', async t => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'node.lan']) {
    await t.rejects(startAdmin(t, {}, { address: { host, port: 0 } }), {
      code: 'config-invalid',
      message: /admin\.tls/,
    })
  }
})

t.test(
  'with TLS it may listen anywhere; a stop lets its answer end and waits for no handshake',
  async t => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
    t.teardown(() => rm(dir, { recursive: true }))
    const authority = makeAuthority()
    const { cert, key } = authority.issue({ hosts: ['127.0.0.1'] })
    const tls = { certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') }
    await writeFile(tls.certFile, cert)
    await writeFile(tls.keyFile, key)
    const asked = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    const { port, token, stop } = await startAdmin(
      t,
      {
        resolveTag: async key => {
          asked.resolve()
          await go.promise
          return resolved({ key })
        },
      },
      { tls, address: { host: '0.0.0.0', port: 0 } },
    )
    const silent = connect({ port, host: '127.0.0.1' })
    await once(silent, 'connect')
    const asking = requestTls({
      host: '127.0.0.1',
      port,
      path: '/api/v1/resolve?ref=nginx',
      ca: authority.cert,
      headers: { authorization: `Bearer ${token}` },
    }).end()
    const answering = once(asking, 'response')
    await asked.promise
    const stopped = stop()
    go.resolve()
    const [response] = await answering
    t.equal(response.statusCode, 200)
    t.match(JSON.parse(await text(response)), { found: true })
    await stopped
    silent.destroy()
  },
)

t.test('the unix socket asks for no token: its mode is the permission', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-socket-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const socket = join(dir, 'run', 'admin.sock')
  const { ask } = await startAdmin(t, {}, { socket })
  t.equal((await stat(socket)).mode & 0o777, 0o660)
  const got = await ask('/api/v1/status', { socketPath: socket, headers: {} })
  t.equal(got.status, 200)
  t.equal((await ask('/api/v1/status', { headers: {} })).status, 401, 'by TCP it still does')
})

t.test('a connection that is reset behind its question is not taken for the socket', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-socket-'))
  t.teardown(() => rm(dir, { recursive: true }))
  let isAsked = false
  const { port, ask } = await startAdmin(
    t,
    {
      resolveTag: async key => {
        isAsked = true
        return resolved({ key })
      },
    },
    { socket: join(dir, 'admin.sock') },
  )
  for (let i = 0; i < 50; i++) {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    socket.write('GET /api/v1/resolve?ref=nginx HTTP/1.1\r\nHost: x\r\n\r\n')
    socket.resetAndDestroy()
    await once(socket, 'close')
  }
  t.equal((await ask('/api/v1/status')).status, 200)
  t.notOk(isAsked)
})

t.test('a socket that a dead process left is replaced, a living one is not', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-socket-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const living = join(dir, 'living.sock')
  const other = createServer().listen(living)
  await once(other, 'listening')
  t.teardown(() => other.close())
  await t.rejects(startAdmin(t, {}, { socket: living }), { code: 'config-invalid' })

  const dead = join(dir, 'dead.sock')
  const leave = `require('net').createServer().listen(${JSON.stringify(dead)}, () => process.kill(process.pid, 9))`
  await promisify(execFile)(process.execPath, ['-e', leave]).catch(() => undefined)
  t.ok((await stat(dead)).isSocket(), 'it was left behind')
  const { ask } = await startAdmin(t, {}, { socket: dead })
  t.equal((await ask('/api/v1/status', { socketPath: dead, headers: {} })).status, 200)
})

t.test('when its address is taken it leaves no socket behind', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-socket-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const socket = join(dir, 'admin.sock')
  const address = { host: '127.0.0.1', port }
  await t.rejects(startAdmin(t, {}, { socket, address }), { code: 'EADDRINUSE' })
  await t.rejects(stat(socket), { code: 'ENOENT' })
})

t.test('the token is made once, for its owner only', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-token-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const path = join(dir, 'a', 'admin.token')
  await Promise.all([ensureAdminToken(path), ensureAdminToken(path)])
  t.equal((await stat(path)).mode & 0o777, 0o600)
  const made = await readFile(path, 'utf8')
  t.match(made, /^[\w-]{43}\n$/)
  await ensureAdminToken(path)
  t.equal(await readFile(path, 'utf8'), made)
  await writeFile(path, '\n')
  await ensureAdminToken(path)
  t.equal(await readFile(path, 'utf8'), '\n', 'what is there stays, whatever it holds')
})

t.test('the other nodes are told as this node sees them', async t => {
  const node = {
    id: 'cd'.repeat(32),
    name: 'galley',
    zone: undefined,
    platforms: ['linux/amd64'],
    peerAddresses: ['10.0.0.2:5052'],
    meshAddresses: ['10.0.0.2:5053'],
    version: '1.2.3',
    protocols: { lowest: 1, highest: 1 },
    ledgerRoot: 'aa',
    records: 7,
    upstreams: ['docker.io'],
    roomBytes: 5,
    keyId: '0badcafe',
    acceptedKeyIds: ['0badcafe', 'deadbeef'],
    clockSource: 'registry',
  } as const
  const banned = new Set<string>()
  const self = madeUpNode()
  const { ask, token } = await startAdmin(t, {
    resolveTag: async key => resolved({ key, saidBy: node.id }),
    node: { ...self, nodes: { ...self.nodes, members: () => [node as unknown as Member] } },
    isBanned: id => banned.has(id),
    mesh: () => ({
      self: { ...node, neighbours: 1 },
      members: [
        {
          ...node,
          state: 'suspect',
          isCompatible: true,
          isNeighbour: false,
          isLedgerEqual: true,
          lastSeenAgoMs: 10,
          roundTripMs: undefined,
          clockSkewMs: 3,
        },
      ],
      alarms: [{ code: 'clock-apart', nodes: [{ id: node.id, name: node.name }] }],
      dials: [{ address: '10.0.0.9:5053', isSeed: true, result: 'no-mesh', agoMs: 12 }],
      sync: {
        root: 'aa',
        isRootCurrent: true,
        records: 7,
        isBehind: false,
        snapshotShare: undefined,
        rounds: 3,
        convergedAtMs: 98_000,
        lastRound: undefined,
        refused: 0,
      },
      indexEntries: 4,
    }),
  })
  const authorized = { headers: { authorization: `Bearer ${token}` } }
  t.match((await ask('/api/v1/resolve?ref=nginx', authorized)).body, {
    saidBy: node.id,
    saidByName: 'galley',
  })
  const peers = await ask('/api/v1/peers', authorized)
  t.ok(Value.Check(peersAnswer, peers.body))
  t.match(peers.body, {
    enabled: true,
    members: [
      {
        name: 'galley',
        state: 'suspect',
        clockSkewMs: 3,
        acceptedKeyIds: ['0badcafe', 'deadbeef'],
      },
    ],
    dials: [
      {
        address: '10.0.0.9:5053',
        seed: true,
        result: 'no-mesh',
        detail: /^no mesh port/,
        agoMs: 12,
      },
    ],
    sync: { convergedAgoMs: 1_000 },
    indexEntries: 4,
  })
  t.match((await ask('/api/v1/status', authorized)).body, {
    mesh: { enabled: true, members: 1, alive: 0, neighbours: 1, alarms: ['clock-apart'] },
  })
  banned.add(node.id)
  const { body } = await ask('/api/v1/peers', authorized)
  t.match(body, { members: [{ name: 'galley', state: 'banned' }] })
})

t.test('where the mode is offline nobody was asked, and nobody failed', async t => {
  const unresolved = { found: false, reason: 'mode is offline', failure: 'unreachable', steps: [] }
  for (const [mode, failure] of [
    ['offline', undefined],
    ['auto', 'unreachable'],
  ] as const) {
    const { ask } = await startAdmin(t, {
      resolveTag: async key => ({ key, ...unresolved }) as never,
      modeSwitch: { state: () => ({ mode, decidedBy: 'node', configured: 'auto' }) as never },
    })
    const { body } = await ask('/api/v1/resolve?ref=nginx')
    t.equal((body as { failure?: string }).failure, failure, mode)
  }
})

t.test('a node without a mesh says so', async t => {
  const { ask, token } = await startAdmin(t)
  const { body } = await ask('/api/v1/peers', { headers: { authorization: `Bearer ${token}` } })
  t.ok(Value.Check(peersAnswer, body))
  t.match(body, { enabled: false, members: [] })
})

t.test(
  'a question may name thousands of tags; one without end is a problem as any other',
  async t => {
    const { ask } = await startAdmin(t)
    const refs = (count: number) => Array.from({ length: count }, (_, at) => `ref=lab/app:${at}`)
    const many = await ask(
      `/api/v1/report?${refs(1_000).join('&')}&limit=1000&${'x'.repeat(100_000)}`,
    )
    t.not(many.status, 431)
    t.match(await ask(`/api/v1/report?${refs(20_000).join('&')}`), {
      status: 431,
      type: 'application/problem+json',
      body: { status: 431, detail: /headers beyond 262144 bytes/ },
    })
  },
)
