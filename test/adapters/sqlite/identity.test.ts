import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { isSignedBy, openIdentity, signBody } from '../../../src/adapters/sqlite/identity.ts'
import { createHeardLog, makeDirectory, messages } from './support.ts'

const nowMs = Date.UTC(2026, 5, 1)

t.test('a node keeps its key, for its owner alone', async t => {
  const dataDir = await makeDirectory(t)
  const log = createHeardLog()
  const { origin } = openIdentity(dataDir, log, nowMs)
  t.match(origin, /^[0-9a-f]{64}$/)
  t.equal((await stat(join(dataDir, 'node.key'))).mode & 0o777, 0o600)
  t.equal(openIdentity(dataDir, log, nowMs).origin, origin)
  t.strictSame(await readdir(dataDir), ['node.key'], 'and leaves nothing beside it')
  t.strictSame(log.lines, [])
})

t.test('a damaged key is moved aside and a new one made, loudly', async t => {
  for (const damage of [
    '',
    'rubbish',
    '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----',
  ]) {
    const dataDir = await makeDirectory(t)
    const log = createHeardLog()
    const { origin } = openIdentity(dataDir, log, nowMs)
    await writeFile(join(dataDir, 'node.key'), damage)
    const made = openIdentity(dataDir, log, nowMs).origin
    t.not(made, origin)
    t.strictSame(messages(log.lines, 'error'), [
      'node key is damaged: moved aside, a new one is made',
    ])
    const aside = join(dataDir, 'node.key.damaged-20260601T000000000Z')
    t.equal(await readFile(aside, 'utf8'), damage)
    t.equal(openIdentity(dataDir, log, nowMs).origin, made)
  }
})

t.test('a key of another kind is damage', async t => {
  const dataDir = await makeDirectory(t)
  const { generateKeyPairSync } = await import('node:crypto')
  const { privateKey } = generateKeyPairSync('x25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  await writeFile(join(dataDir, 'node.key'), pem)
  await chmod(join(dataDir, 'node.key'), 0o600)
  const log = createHeardLog()
  openIdentity(dataDir, log, nowMs)
  t.equal(messages(log.lines, 'error').length, 1)
})

t.test('where no key can be written the node has one until it ends, and says so', async t => {
  const log = createHeardLog()
  const { origin } = openIdentity(join(await makeDirectory(t), 'absent'), log, nowMs)
  t.match(origin, /^[0-9a-f]{64}$/)
  t.match(messages(log.lines, 'error'), [/another identity after a restart/])
})

t.test('a signature holds for its bytes, its origin and its purpose alone', async t => {
  const { sign } = await import('node:crypto')
  const { origin, privateKey } = openIdentity(await makeDirectory(t), createHeardLog(), nowMs)
  const body = Buffer.from('what was said')
  const signature = signBody(body, privateKey)
  t.equal(isSignedBy({ body, signature }, origin), true)
  t.equal(isSignedBy({ body: Buffer.from('something else'), signature }, origin), false)
  t.equal(isSignedBy({ body, signature }, 'ab'.repeat(32)), false)
  t.equal(isSignedBy({ body, signature: signature.subarray(1) }, origin), false)
  t.equal(isSignedBy({ body, signature }, 'no origin'), false)
  t.equal(isSignedBy({ body, signature: sign(null, body, privateKey) }, origin), false)
})
