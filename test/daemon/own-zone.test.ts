import t, { type Test } from 'tap'
import { readOwnZone } from '../../src/daemon/own-zone.ts'
import { type Answer, startPodApi } from '../adapters/kubernetes/fake-api.ts'
import { createHeardLog } from '../adapters/sqlite/support.ts'

const node = { name: 'edge-1', zone: undefined, zoneLabel: 'rack', image: undefined }

/** Starts of one node, whose API server says another thing each time. */
async function scene(t: Test) {
  const texts = new Map<string, string>()
  const settings = {
    get: (name: string) => texts.get(name),
    set: async (name: string, text: string) => void texts.set(name, text),
  }
  let answer: Answer = { json: {} }
  const { access, asked } = await startPodApi(t, () => answer)
  const log = createHeardLog()
  const start = (say: Answer, given: { zone?: string; zoneLabel?: undefined } = {}) => {
    answer = say
    const deadlineMs = say === 'silence' ? 50 : 60_000
    return readOwnZone({ node: { ...node, ...given } }, { settings, log, access, deadlineMs })
  }
  return { start, settings, log, asked }
}

const labels = (all: object) => ({ json: { metadata: { labels: all } } })

t.test('the zone is what the label says, and what it said last while nobody answers', async t => {
  const { start, log } = await scene(t)
  t.equal(await start('silence'), undefined, 'a node that never knew it starts without')
  t.equal(await start(labels({ rack: 'a' })), 'a')
  t.equal(await start('silence'), 'a')
  t.equal(await start(labels({ rack: 'b' })), 'b', 'a label that changed')
  t.equal(await start({ status: 403, json: {} }), 'b')
  t.equal(await start(labels({})), undefined, 'one that was taken away')
  t.equal(await start('silence'), undefined)
  t.equal(log.lines.filter(({ level }) => level === 'warn').length, 4)
})

t.test('what is configured is not asked for', async t => {
  const { start, asked } = await scene(t)
  t.equal(await start(labels({ rack: 'a' }), { zone: 'deck-3' }), 'deck-3')
  t.equal(await start(labels({ rack: 'a' }), { zoneLabel: undefined }), undefined)
  t.strictSame(asked, [])
})

t.test('what cannot be remembered is in force nevertheless', async t => {
  const { start, settings } = await scene(t)
  settings.set = async () => Promise.reject(new Error('the disk is full'))
  t.equal(await start(labels({ rack: 'a' })), 'a')
})

t.test('outside of a pod the start goes on, too', async t => {
  const { settings, log } = await scene(t)
  await settings.set('zone', 'a')
  t.equal(await readOwnZone({ node }, { settings, log, access: undefined }), 'a')
})
