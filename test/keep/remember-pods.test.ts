import t from 'tap'
import { createRememberedPods } from '../../src/keep/remember-pods.ts'
import { digestOf } from '../../src/oci/digest.ts'
import type { PodContainer } from '../../src/ports/pod-runtime.ts'
import { createMemoryPods } from '../support/memory-pods.ts'

const d = (text: string) => digestOf(Buffer.from(text))
const hour = 3_600_000
const week = 7 * 24 * hour
const nowMs = Date.parse('2026-11-28T21:00:00Z')
const at = (sinceMs: number) => ({ nowMs, wallMs: nowMs, sinceMs })

const web: PodContainer = {
  namespace: 'default',
  pod: 'web-0',
  container: 'main',
  images: ['docker.io/library/web:1'],
  digest: d('web'),
  isRunning: true,
  createdAtMs: nowMs - hour,
}
const open = (memory = createMemoryPods(), runningForMs = week) =>
  createRememberedPods(memory, { runningForMs })

t.test('what ended is remembered for as long as was looked for it, and no longer', async t => {
  const pods = open()
  await pods.see([web], at(0))
  t.match(pods.list(), [{ pod: 'web-0', firstMs: nowMs - hour, lastMs: nowMs, unseenMs: 0 }])
  await pods.see([], at(week - 1))
  t.match(pods.list(), [{ pod: 'web-0', unseenMs: week - 1 }])
  await pods.see([], at(1))
  t.strictSame(pods.list(), [])
})

t.test('a pod that comes back begins anew', async t => {
  const pods = open()
  await pods.see([web], at(0))
  await pods.see([], at(week - 1))
  await pods.see([web], at(10))
  await pods.see([], at(week - 1))
  t.match(pods.list(), [{ unseenMs: week - 1, firstMs: nowMs - hour }])
})

t.test('after a restart an absence goes on where it was, whatever the time is', async t => {
  const memory = createMemoryPods()
  await open(memory).see([web], at(0))
  const again = open(memory)
  t.match(again.list(), [{ pod: 'web-0', unseenMs: 0 }])
  const halfAYearMs = 180 * 24 * hour
  const later = { nowMs: nowMs + halfAYearMs, wallMs: nowMs + halfAYearMs, sinceMs: 0 }
  await again.see([], later)
  t.match(again.list(), [{ pod: 'web-0', lastMs: nowMs, unseenMs: 1 }])
  t.match(open(memory).list(), [{ unseenMs: 1 }])
})

t.test('a job that came and went between two looks is remembered, and ages', async t => {
  const pods = open()
  const job = { ...web, pod: 'job-1', isRunning: false }
  await pods.see([job], at(0))
  t.match(pods.list(), [{ pod: 'job-1', unseenMs: 1 }])
  await pods.see([job], at(hour))
  t.match(
    pods.list(),
    [{ unseenMs: 1 + hour }],
    'what the runtime still tells of it keeps it no longer',
  )
})

t.test('the name that was seen first stays when its tag goes on to another image', async t => {
  const pods = open()
  await pods.see([web], at(0))
  await pods.see([{ ...web, images: [`docker.io/library/web@${d('web')}`] }], at(1))
  t.match(pods.list(), [{ images: ['docker.io/library/web:1'] }])
})

t.test('a pod that is made anew from the same image tells since when it runs', async t => {
  const pods = open()
  await pods.see([web], at(0))
  const anew = { ...web, createdAtMs: nowMs - 1_000 }
  await pods.see([anew, web], at(1))
  t.match(pods.list(), [{ firstMs: nowMs - hour, madeMs: nowMs - 1_000 }])
})

t.test('the machine is years behind: the time of a start is that of everybody', async t => {
  const pods = open()
  const wallMs = 5 * hour
  await pods.see([{ ...web, createdAtMs: wallMs - hour }], { nowMs, wallMs, sinceMs: 0 })
  t.match(pods.list(), [{ firstMs: nowMs - hour }])
})

t.test('while nothing changes little is written', async t => {
  const memory = createMemoryPods()
  const pods = open(memory)
  await pods.see([web], at(0))
  for (let look = 0; look < 60; look++) await pods.see([web], at(30_000)) // half an hour
  t.equal(memory.writes(), 1 + 3)
})

t.test('of thousands of pods that ended the last of each image stays', async t => {
  const memory = createMemoryPods()
  const pods = open(memory)
  const other = { ...web, pod: 'rare', digest: d('rare'), isRunning: false }
  await pods.see([other], at(0))
  for (let at_ = 0; at_ < 30; at_++) {
    const jobs = Array.from({ length: 100 }, (_, i) => ({
      ...web,
      pod: `job-${at_}-${i}`,
      isRunning: false,
    }))
    await pods.see(jobs, at(1_000))
  }
  const names = pods.list().map(({ pod }) => pod)
  t.equal(names.length, 2_001)
  t.ok(names.includes('rare'))
  t.ok(names.includes('job-29-0'))
  t.equal(memory.load().length, 2_001)
})
