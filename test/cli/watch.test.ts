import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { type Document, parseAllDocuments } from 'yaml'
import { runCli } from '../../src/cli/run.ts'
import { meshAnswer } from './commands/mesh-answer.ts'
import { cli, noParts, scriptAdmin } from './support.ts'

const answer = (state: string) => ({
  node: 'a',
  kind: 'containerd',
  dir: '',
  ...{ blobs: 1, blobBytes: 1, partialBytes: 0, quotaBytes: 1, minFreeBytes: 1, freeBytes: 1 },
  ...{ totalBytes: 1, capacityBytes: 1, protectedBytes: 0, droppableBytes: 0 },
  ...{ full: false, unusable: false, quarantine: { blobs: 0, bytes: 0 } },
  containerd: { state, blobs: 1, blobBytes: 1 },
})

/** Watches until so many frames were shown. */
async function watched(
  env: Record<string, string>,
  words: readonly string[],
  { frames: wanted, size }: { frames: number; size?: { columns: number; rows: number } },
) {
  const frames: string[] = []
  const stop = new AbortController()
  const terminal = {
    out(text: string) {
      frames.push(text)
      if (frames.length >= wanted) stop.abort()
    },
    err() {},
    isTerminal: false,
    size: () => size,
  }
  const code = await runCli(words, noParts, { env, terminal, interrupted: () => stop.signal })
  return { code, frames }
}

t.test('what is watched is asked again and again, also while the node is away', async t => {
  let asked = 0
  const { env } = await scriptAdmin(t, () => {
    asked++
    return asked === 2 ? [503, { detail: 'it starts' }] : [200, answer(`state-${asked}`)]
  })
  const { code, frames } = await watched(env, ['store', '--watch=0.1'], { frames: 3 })
  t.equal(code, 0, 'Ctrl-C is how it ends')
  t.match(frames, [/state-1/, /answered 503: it starts/, /state-3/])
  t.equal(asked, 3)
})

t.test('documents are one stream, in which no error is', async t => {
  let asked = 0
  const { env } = await scriptAdmin(t, () => {
    asked++
    return asked === 2 ? [503, { detail: 'it starts' }] : [200, answer(`state-${asked}`)]
  })
  const words = ['store', '--watch=0.1', '--output', 'yaml']
  const { frames } = await watched(env, words, { frames: 3 })
  t.match(
    parseAllDocuments(frames.join('')).map(one => (one as Document).toJS()),
    [{ containerd: { state: 'state-1' } }, { containerd: { state: 'state-3' } }],
  )
})

t.test('on a terminal it takes the place of what stood there, and fits', async t => {
  const { env } = await scriptAdmin(t, () => [200, answer('connected-to-something-long')])
  const size = { columns: 30, rows: 24 }
  const { frames } = await watched(env, ['store', '--watch'], { frames: 1, size })
  const [frame = ''] = frames
  t.match(frame, '\u001b[Ha: nothing is kept here,\u001b[K\ncontainerd is its store\u001b[K\n')
  t.match(frame, 'connected-to-something-lo…\u001b[K\n')
  t.match(frame, '\u001b[J')
  const low = { columns: 100, rows: 2 }
  const short = await watched(env, ['store', '--watch'], { frames: 1, size: low })
  t.match(short.frames[0], '\u001b[H… 2 lines more\u001b[K\n')
})

t.test('colours take no room of the line', async t => {
  const { env } = await scriptAdmin(t, () => [200, meshAnswer])
  const told = async (columns: number) => {
    const { frames } = await watched(env, ['peers', '--watch'], {
      frames: 1,
      size: { columns, rows: 24 },
    })
    return frames[0] ?? ''
  }
  const lines = (await told(200)).split('\u001b[K\n')
  t.ok(lines.some(line => line.includes('\u001b[32malive\u001b[0m')))
  t.notOk(lines.some(line => line.endsWith('…')))
  for (const line of (await told(40)).split('\u001b[K\n')) {
    t.ok(stripVTControlCharacters(line).length <= 40, line)
  }
})

t.test('every list that changes by itself or by others can be watched', async t => {
  const { env } = await scriptAdmin(t, ({ pathname }) => [
    200,
    { items: [], tags: 0, asOf: '2026-11-20T03:00:00.000Z', path: pathname },
  ])
  for (const word of ['jobs', 'schedules', 'bans', 'blocks', 'audit', 'keeps']) {
    const { code, frames } = await watched(env, [word, '--watch=0.1'], { frames: 2 })
    t.equal(code, 0, word)
    t.equal(frames[0], frames[1], word)
    t.match(frames[0], /^no/, word)
  }
  t.match(await cli(['jobs', '5e1f02', '--follow', '--watch'], { env }), {
    code: 2,
    err: /--follow and --watch exclude each other/,
  })
})

t.test('what asking again cannot mend ends it', async t => {
  const { env } = await scriptAdmin(t, () => [401, { detail: 'no' }])
  t.equal((await watched(env, ['store', '--watch'], { frames: 1 })).code, 5)
})

t.test('only what changes can be watched, and at a pace', async t => {
  const env = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_ADMIN_TOKEN: 'x' }
  for (const words of [
    ['gc', '--watch'],
    ['store', '--watch=0'],
    ['store', '--watch=soon'],
    ['store', '--watch=1e9'],
  ]) {
    t.equal((await cli(words, { env })).code, 2, words.join(' '))
  }
  t.match((await cli(['status', '--help'])).out, /--watch\[=SECONDS\] +show it anew every 2 s/)
})
