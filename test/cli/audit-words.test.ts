import t from 'tap'
import { tellChange, tellDeed } from '../../src/cli/audit-words.ts'
import { readApiDocument } from '../support/api-document.ts'

t.test('every operation that changes something goes by the command that does it', t => {
  const changing = readApiDocument().operations.filter(({ needsWrite }) => needsWrite)
  t.ok(changing.length > 20)
  const named = changing.filter(({ id }) => tellDeed({ operation: id }) !== id || id === 'restore')
  t.strictSame(named, changing)
  t.equal(tellDeed({ operation: 'putMoon' }), 'putMoon')
  t.end()
})

t.test('what changed is told as an operator would say it', t => {
  const pin = { standing: 'in-force', digest: 'sha256:1' }
  const set = { setAt: '2026-11-20T03:00:00.000Z' }
  const job = { images: ['a'] }
  const subject = 'galley'
  const passedOn = 'passed on; see `holdfast audit --node galley`'
  for (const [operation, before, after, told] of [
    ['putPin', undefined, { ...pin, note: 'voyage' }, 'not pinned -> sha256:1 (voyage)'],
    ['putPin', pin, pin, 'sha256:1, as before'],
    [
      'deletePin',
      { ...pin, standing: 'blocked' },
      { standing: 'removed' },
      'sha256:1, blocked -> not pinned',
    ],
    ['putKeep', undefined, { configured: false, ...set }, 'not kept -> kept'],
    [
      'deleteKeep',
      { configured: true, ...set },
      { configured: true },
      'kept -> kept by configuration',
    ],
    ['putBan', undefined, { note: 'stolen' }, 'not banned -> banned (stolen)'],
    ['deleteBlock', {}, undefined, 'blocked -> not blocked'],
    ['deleteBlock', undefined, undefined, 'not blocked, as before'],
    ['putJob', undefined, job, 'no job -> 1 image'],
    ['deleteJob', job, { ...job, cancelledAt: '2026-11-29T05:00:00Z' }, '1 image -> called off'],
    ['putJob', undefined, { ...job, images: 200 }, 'no job -> 200 images'],
    ['putSchedule', undefined, { every: '@daily', images: ['a', 'b'] }, 'none -> @daily, 2 images'],
    ['putMode', undefined, { mode: 'offline' }, 'none -> offline'],
    [
      'putNodeMode',
      { mode: 'auto' },
      { mode: 'offline', set: { until: '2026-11-20T03:00:00.000Z' } },
      'auto -> offline until 2026-11-20T03:00:00.000Z',
    ],
    ['putNodeLogLevel', 'info', 'debug', 'info -> debug'],
    [
      'collectNodeStore',
      undefined,
      { dryRun: true, dropped: 3, bytes: 5_000 },
      '3 would go, 5.0 kB',
    ],
    ['collectNodeStore', undefined, { dryRun: false, dropped: 0, bytes: 0 }, '0 dropped, 0 bytes'],
    ['startNodeScrub', { running: false }, { running: true }, 'not running -> running'],
    ['startNodeScrub', undefined, undefined, passedOn],
    ['putNodeMode', undefined, undefined, passedOn],
    [
      'restore',
      undefined,
      { dryRun: false, from: 0, changed: 2, unchanged: 1 },
      '2 changed, 1 unchanged',
    ],
    ['restore', undefined, { dryRun: true, from: 0, 'would-change': 3 }, 'tried: 3 would-change'],
    ['restore', undefined, { digest: 'sha256:1', note: 'voyage' }, 'sha256:1 (voyage)'],
    ['refreshTag', undefined, pin, 'nothing -> sha256:1'],
    ['forgetTag', pin, undefined, 'sha256:1 -> nothing'],
    ['importArchive', undefined, { images: [1, 2] }, '2 images'],
    ['putMoon', undefined, {}, 'nothing -> something'],
  ] as const) {
    t.equal(tellChange({ operation, subject, status: 200, before, after }), told)
  }
  for (const [status, told] of [
    [403, 'refused: the token may only read'],
    [409, 'refused: it did not fit what stands'],
    [418, 'refused: status 418'],
    [503, 'failed (503)'],
  ] as const) {
    t.equal(tellChange({ operation: 'putPin', subject, status }), told)
  }
  t.end()
})
