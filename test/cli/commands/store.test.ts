import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const body = {
  node: 'galley',
  kind: 'disk',
  dir: '/data/blobs',
  blobs: 12,
  blobBytes: 3_400_000,
  partialBytes: 0,
  quotaBytes: 21_474_836_480,
  minFreeBytes: 1_000_000,
  freeBytes: 5_000_000,
  totalBytes: 9_000_000,
  capacityBytes: 7_000_000,
  protectedBytes: 3_000_000,
  droppableBytes: 400_000,
  full: false,
  unusable: false,
  quarantine: { blobs: 0, bytes: 0 },
}

t.test('the room of a store is told, of this node or of another', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, body])
  const { code, out } = await cli(['store'], { env })
  t.equal(code, 0)
  t.match(out, /^galley: 3\.4 MB of 7\.0 MB in \/data\/blobs\n {2}blobs +12, 3\.4 MB\n/)
  t.match(out, /\n {2}stays +3\.0 MB: protected, or used within a day: others fill the disk\n/)
  const alone = await scriptAdmin(t, () => [200, { ...body, capacityBytes: body.quotaBytes }])
  const roomy = await cli(['store'], { env: alone.env })
  t.match(roomy.out, /\n {2}stays +3\.0 MB: protected, or in use\n/)
  t.match(out, /\n {2}may go +400 kB/)
  t.notMatch(out, /quarantine|unfinished|containerd|full/)
  await cli(['store', '--node', 'the galley/1'], { env })
  t.match(
    asked.map(({ url }) => url.pathname),
    ['/api/v1/nodes/self/store', '/api/v1/nodes/the%20galley%2F1/store'],
  )
  t.strictSame(JSON.parse((await cli(['store', '-o', 'json'], { env })).out), body)
})

t.test('of a node that keeps nothing it is told where its content is', async t => {
  const containerd = { state: 'connected', blobs: 4, blobBytes: 8_000 }
  const { env } = await scriptAdmin(t, () => [200, { ...body, kind: 'containerd', containerd }])
  const { out } = await cli(['store'], { env })
  t.match(
    out,
    /^galley: nothing is kept here, containerd is its store\n {2}containerd +connected, 4 blobs/,
  )
  t.notMatch(out, /quota|blobs in|\/data/)
})

t.test('what is wrong with a store is told', async t => {
  const more = {
    partialBytes: 500,
    full: true,
    unusable: true,
    quarantine: { blobs: 2, bytes: 900 },
    containerd: { state: 'connected', blobs: 4, blobBytes: 8_000 },
  }
  const { env } = await scriptAdmin(t, () => [200, { ...body, ...more }])
  const { out } = await cli(['store'], { env })
  for (const words of [
    /unfinished {2}500 bytes/,
    /quarantine {2}2 damaged, 900 bytes/,
    /containerd {2}connected, 4 blobs, 8\.0 kB/,
    /full: new content is passed on/,
    /cannot be written/,
  ]) {
    t.match(out, words)
  }
})

t.test(
  'a node that is away, or unknown, is told in the words of the one that was asked',
  async t => {
    for (const [status, detail, wanted] of [
      [404, 'no node is called "x"; known are a, b', 1],
      [502, 'x: failed', 6],
      [503, 'x is gone', 4],
      [504, 'x did not answer', 4],
    ] as const) {
      const { env } = await scriptAdmin(t, () => [status, { detail }])
      const { code, err } = await cli(['store', '--node', 'x'], { env })
      t.equal(code, wanted, detail)
      t.match(err, `${detail}\n`)
    }
    const { env, asked } = await scriptAdmin(t, () => [200, body])
    t.equal((await cli(['store', '--node', '..'], { env })).code, 2)
    t.equal((await cli(['store', 'galley'], { env })).code, 2)
    t.equal(asked.length, 0)
  },
)
