import { once } from 'node:events'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import t from 'tap'
import type { ImportArchive } from '../../../src/archive/import-archive.ts'
import { ArchiveRefusal } from '../../../src/ports/archive.ts'
import { startAdmin } from './support.ts'

const readAll: ImportArchive = async bytes => {
  let addedBytes = 0
  for await (const { length } of bytes) addedBytes += length
  return { images: [], addedBytes, warnings: [] }
}

function begin({ port, token }: { readonly port: number; readonly token: string }) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
  const asked = request({ port, path: '/api/v1/import', method: 'POST', headers, agent: false })
  asked.on('error', () => {}) // it is cut after the answer
  const answered = once(asked, 'response').then(async ([answer]) => ({
    status: answer.statusCode,
    body: await json(answer),
  }))
  return { asked, answered }
}

t.test(
  'who falls silent in the middle of an archive is given up; who has not begun is not',
  async t => {
    const admin = await startAdmin(t, { importArchive: readAll }, { stallMs: 100 })
    const late = begin(admin)
    late.asked.flushHeaders()
    const silent = begin(admin)
    silent.asked.write('the beginning')
    const { status, body } = await silent.answered
    t.equal(status, 408)
    t.match(body, { detail: 'nothing more of the archive came for 0.1 s' })
    silent.asked.destroy()
    late.asked.end('all of it')
    t.match(await late.answered, { status: 200, body: { addedBytes: 9 } })
  },
)

t.test('a refusal is answered while the rest is still being sent', async t => {
  const importArchive: ImportArchive = async bytes => {
    for await (const _ of bytes) throw new ArchiveRefusal('tar', 'this is no tar')
    throw new Error('no bytes')
  }
  const admin = await startAdmin(t, { importArchive })
  const { asked, answered } = begin(admin)
  for (let i = 0; i < 100; i++) asked.write(Buffer.alloc(100_000))
  asked.end()
  t.match(await answered, { status: 422, body: { detail: 'refused (tar): this is no tar' } })
})
