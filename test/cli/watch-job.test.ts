import t from 'tap'
import type { AdminApi } from '../../src/cli/admin-api.ts'
import { watchJob } from '../../src/cli/watch-job.ts'

const image = (state: string, totalBytes?: number) => ({
  reference: 'a.lan/x:1',
  state,
  bytes: 5,
  ...(totalBytes !== undefined && { totalBytes }),
})
const job = (state: string, images: readonly object[], more: object = {}) => ({
  id: 'night',
  asOf: '2026-11-20T03:00:00.000Z',
  state,
  done: images.filter(one => 'state' in one && one.state === 'done').length,
  failed: 0,
  wanted: images.length,
  bytes: 10,
  totalBytes: 20,
  nodes: [
    { name: 'n1', there: true, live: true, state: 'running', bytes: 5, totalBytes: 5, images },
  ],
  ...more,
})

/** Follows a job that is like this at each look; the lines that are told meanwhile. */
async function watch(looks: readonly object[], columns?: number): Promise<readonly string[]> {
  const left = [...looks]
  const api = { get: async () => left.shift() } as unknown as AdminApi
  const told: string[] = []
  await watchJob(api, 'night', {
    out: () => {},
    err: text => void told.push(text),
    isTerminal: columns !== undefined,
    size: () => (columns === undefined ? undefined : { columns, rows: 24 }),
  })
  return told
}

t.test(
  'where there is no terminal it is told at once what to type, and then what is news',
  async t => {
    const told = await watch([
      job('running', [image('fetching'), image('pending')]),
      job('running', [image('fetching'), image('pending')], { bytes: 15 }),
      job('done', [image('done'), image('done')]),
    ])
    t.match(told[0], /^job night: `holdfast jobs night --follow` shows .* `holdfast cancel night` /)
    t.strictSame(told.slice(1), ['night is running: 0 of 2 images, 10 bytes of 20 bytes\n'])
  },
)

t.test('the bar fits one line of the terminal', async t => {
  const waitsFor = `registry.lab/acme/web is known to be down; ${'x'.repeat(200)}`
  const told = await watch(
    [job('waiting', [image('waiting')], { waitsFor }), job('done', [image('done', 5)])],
    60,
  )
  const [bar = ''] = told.filter(text => text.startsWith('\r'))
  const line = bar.replace('\r', '').replace('\u001b[K', '')
  t.match(line, /^warm \[.*…$/)
  t.equal(line.length, 59)
})

t.test('the bar counts images until it is known how many bytes there are', async t => {
  const bars = async (images: readonly object[]) => {
    const told = await watch([job('running', images, { bytes: 20 }), job('done', images)], 100)
    return told.filter(text => text.startsWith('\r'))[0]?.match(/#*(?= *\])/)?.[0].length
  }
  t.equal(await bars([image('done', 5), image('waiting')]), 12, 'half of the images')
  t.equal(await bars([image('done', 5), image('fetching', 5)]), 24, 'all of the bytes')
})
