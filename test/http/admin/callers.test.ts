import t from 'tap'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import { startAdmin } from './support.ts'

const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
const looks = 'looks-uOa0T9IgRa7XqJqVw0X1Xw'
const acts = 'acts-9pV1tWZkQx2nB8sLrY5MdA'
const plain = 'plain-4Hc7rTgWm1ZyE6vKqN0JbF'

t.test('tokens have roles and names, and are taken up without a restart', async t => {
  const noted: AuditEntry[] = []
  const audit = { note: async (entry: AuditEntry) => void noted.push(entry), find: () => [] }
  const { ask, setTokens } = await startAdmin(t, { audit })
  await setTokens(`# watch\n${looks} read the bridge\n${acts} write captain\n${plain}\n`)
  const path = '/api/v1/jobs/none'
  t.equal((await ask('/api/v1/status', as(looks))).status, 200)
  t.match(await ask(path, { method: 'DELETE', ...as(looks) }), {
    status: 403,
    body: { detail: /the bridge may read/ },
  })
  t.equal((await ask(path, { method: 'DELETE', ...as(acts) })).status, 404)
  t.equal((await ask(path, { method: 'DELETE', ...as(plain) })).status, 404)
  for (const token of ['#', 'bridge', 'watch']) {
    t.equal((await ask('/api/v1/status', as(token))).status, 401, token)
  }
  t.strictSame(
    noted.map(({ caller, status }) => [caller, status]),
    [
      ['the bridge', 403],
      ['captain', 404],
      ['token 4', 404],
    ],
  )
})

t.test('who guesses is told to wait, and the right token is let in even then', async t => {
  const { ask, token, clock } = await startAdmin(t)
  const statuses: number[] = []
  for (let i = 0; i < 25; i++) statuses.push((await ask('/api/v1/status', as(`guess-${i}`))).status)
  t.strictSame([...new Set(statuses.slice(0, 20))], [401])
  t.equal(statuses.at(-1), 429)
  t.equal((await ask('/api/v1/status', as(token))).status, 200)
  const held = await ask('/api/v1/status', as('one-more'))
  t.equal(held.status, 429)
  t.match(held.headers['retry-after'], /^[1-9]$/)
  clock.pass(63_000)
  for (let i = 0; i < 20; i++) {
    t.equal((await ask('/api/v1/status', as(`again-${i}`))).status, 401)
  }
})

t.test('a file that breaks locks nobody out, and who has a newer token is told why', async t => {
  const { ask, setTokens } = await startAdmin(t)
  await setTokens(`${acts}\n`)
  t.equal((await ask('/api/v1/status', as(acts))).status, 200)
  await setTokens(`${acts}\n${plain} raed mate\n`)
  t.equal((await ask('/api/v1/status', as(acts))).status, 200)
  t.match(await ask('/api/v1/status', as(plain)), {
    status: 401,
    body: {
      detail:
        /^the token is none of those in the file that admin\.tokenFile of the node names; it is not taken as it is now/,
    },
  })
})

t.test('who sends no token at all does not guess', async t => {
  const { ask, token } = await startAdmin(t)
  for (let i = 0; i < 49; i++) await ask('/api/v1/status', { headers: { authorization: '' } })
  t.match(await ask('/api/v1/status', { headers: { authorization: '' } }), {
    status: 401,
    body: {
      detail:
        /^no token was sent: send one of the file that admin\.tokenFile of the node names, as "Authorization: Bearer TOKEN"$/,
    },
  })
  t.equal((await ask('/api/v1/status', as(token))).status, 200)
})

t.test(
  'neither a name nor a subject may be so long that it fills what it is written into',
  async t => {
    const noted: AuditEntry[] = []
    const { ask, setTokens } = await startAdmin(t, {
      audit: { note: async entry => void noted.push(entry), find: () => [] },
    })
    await setTokens(`${looks} read ${'n'.repeat(5_000)}\n`)
    const { status } = await ask(`/api/v1/pins/${'p'.repeat(100_000)}`, {
      method: 'DELETE',
      ...as(looks),
    })
    t.equal(status, 403)
    t.strictSame(
      noted.map(({ caller, subject }) => [caller.length, subject.length]),
      [[100, 1_200]],
    )
  },
)
