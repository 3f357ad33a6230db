import { readFile } from 'node:fs/promises'
import t from 'tap'
import { startDaemon } from '../../src/daemon.ts'
import { silentLog } from '../../src/ports/log.ts'
import { configIn, runningLog } from '../support/start-node.ts'

/** Words of operators that each stand under a name: where they are said and listed, and what has to be said of them. */
const words = [
  {
    what: 'a keep',
    path: `/api/v1/keeps/${encodeURIComponent('a.lan/**')}`,
    list: '/api/v1/keeps',
  },
  { what: 'a block', path: `/api/v1/blocks/sha256:${'ab'.repeat(32)}`, list: '/api/v1/blocks' },
  { what: 'a ban', path: `/api/v1/bans/${'cd'.repeat(32)}`, list: '/api/v1/bans' },
  {
    what: 'a schedule',
    path: '/api/v1/schedules/nightly',
    list: '/api/v1/schedules',
    more: { images: ['a.lan/app:1'], every: '0 3 * * *' },
  },
]

t.test('of two who saw the same only one changes it, and is told what stands there', async t => {
  const config = await configIn(t.testdir({}), {})
  const daemon = await startDaemon(config, { version: '0.0.0-test', log: runningLog(silentLog) })
  t.teardown(() => daemon.close())
  const token = (await readFile(config.admin.tokenFile, 'utf8')).trim()
  const ask = async (method: string, path: string, headers: object = {}, body?: object) => {
    const answer = await fetch(`http://${daemon.addresses.admin}${path}`, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const etag = answer.headers.get('etag') ?? undefined
    const told = (await answer.json()) as { items?: readonly { version?: string }[] }
    return { status: answer.status, etag, body: told, items: told.items ?? [] }
  }
  for (const { what, path, list, more } of words) {
    const put = (note: string, headers: object = {}) => ask('PUT', path, headers, { ...more, note })
    t.equal((await ask('GET', path)).status, 404, `${what} is not there`)
    const first = await put('first', { 'if-none-match': '*' })
    t.equal(first.status, 200, what)
    t.match(first.etag, /^"[^"]+"$/, what)
    const [listed] = (await ask('GET', list)).items
    t.equal(`"${listed?.version}"`, first.etag, `${what} is listed with it`)
    t.match(await ask('GET', path), { status: 200, etag: first.etag, body: { note: 'first' } })

    t.equal((await put('other', { 'if-none-match': '*' })).status, 412, `${what} is there`)
    const seen = { 'if-match': first.etag }
    const both = await Promise.all([put('one', seen), put('another', seen)])
    const codes = both.map(({ status }) => status)
    t.strictSame(codes.toSorted(), [200, 412], `one of two changes ${what}`)
    const won = both.find(({ status }) => status === 200)
    const lost = both.find(({ status }) => status === 412)
    t.match(lost?.body, { detail: new RegExp(`what stands there now is ${won?.etag}`) })

    t.equal((await ask('DELETE', path, seen)).status, 412, `${what} is another one by now`)
    t.equal((await put('again', { 'if-match': won?.etag })).status, 200)
    const [last] = (await ask('GET', list)).items
    t.equal((await ask('DELETE', path, { 'if-match': `"${last?.version}"` })).status, 200)
    t.equal((await put('late', { 'if-match': '*' })).status, 412, `${what} is gone`)
    t.strictSame((await ask('GET', list)).items, [])
  }
})
