import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { pack } from 'tar-stream'
import { openTar } from '../../../src/adapters/tar/read-tar.ts'
import { ArchiveRefusal } from '../../../src/ports/archive.ts'

async function refusalOf(bytes: Uint8Array): Promise<string> {
  async function* whole() {
    yield bytes
  }
  try {
    for await (const { content } of openTar(whole())) for await (const _ of content);
  } catch (error) {
    if (error instanceof ArchiveRefusal) return error.message
    throw error
  }
  return 'none'
}

t.test('what is no archive is told from one that is cut short', async t => {
  t.match(await refusalOf(Buffer.from('nginx:1.27\nredis:7\n')), /^this is no tar/)
  t.match(await refusalOf(Buffer.alloc(2_000, 'nginx:1.27\n')), /^this is no tar/)
  const tar = pack()
  tar.entry({ name: 'a' }, 'b'.repeat(1_000))
  tar.finalize()
  const whole = await buffer(tar as AsyncIterable<Uint8Array>)
  t.equal(await refusalOf(whole), 'none')
  t.match(await refusalOf(whole.subarray(0, 900)), /cut short: copy it again/)
})
