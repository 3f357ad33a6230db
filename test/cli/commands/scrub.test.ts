import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = `sha256:${'c'.repeat(64)}`
const at = '2026-11-20T03:00:00.000Z'
const clean = {
  node: 'galley',
  running: true,
  pass: { startedAt: at, blobs: 8, bytes: 1_000, doneBlobs: 2, doneBytes: 250 },
  damaged: 0,
  unreadable: 0,
  findings: [],
  quarantine: [],
}

t.test('a scrub is begun, and only asked for with --status', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, clean])
  const { code, out } = await cli(['scrub'], { env })
  t.equal(code, 0)
  t.equal(out, `galley: scrubbing since ${at}: 2 of 8 blobs, 25% of 1.0 kB\n`)
  await cli(['scrub', '--status', '--node', 'galley'], { env })
  t.match(asked, [
    { method: 'POST', url: { pathname: '/api/v1/nodes/self/store/scrub' } },
    { method: 'GET', url: { pathname: '/api/v1/nodes/galley/store/scrub' } },
  ])
})

t.test('what was found ends with an exit code of its own', async t => {
  const found = {
    ...clean,
    running: false,
    pass: { ...clean.pass, endedAt: at },
    damaged: 1,
    unreadable: 1,
    findings: [
      { digest, size: 9, verdict: 'unreadable', at },
      { digest, size: 7, verdict: 'damaged', at },
    ],
    quarantine: [{ digest, size: 7 }],
  }
  const { env } = await scriptAdmin(t, () => [200, found])
  const { code, out } = await cli(['scrub', '--status'], { env })
  t.equal(code, 7)
  t.match(out, /^galley: 2 blobs \(250 bytes\) hashed, ended 2026/)
  t.match(out, new RegExp(`${at}  unreadable  9 bytes  ${digest}\n`))
  t.match(out, new RegExp(`in quarantine.*:\n {2}7 bytes  ${digest}\n`))
  t.match(out, /is damaged is fetched anew/)
  t.match(out, /cannot be read was left/)
})

t.test('a store that was not scrubbed yet says so', async t => {
  const { env } = await scriptAdmin(t, () => [200, { ...clean, running: false, pass: undefined }])
  t.match((await cli(['scrub', '--status'], { env })).out, /not scrubbed since it was started/)
})
