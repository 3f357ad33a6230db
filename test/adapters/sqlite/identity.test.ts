import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  createNodeSignature,
  isSignedBy,
  openIdentity,
  signBody,
} from '../../../src/adapters/sqlite/identity.ts'
import { createHeardLog, makeDirectory, messages } from './support.ts'

const nowMs = Date.UTC(2026, 5, 1)
const noMachine = { idFile: '/nonexistent/machine-id' }

t.test('a node keeps its key, for its owner alone', async t => {
  const dataDir = await makeDirectory(t)
  const log = createHeardLog()
  const { origin } = openIdentity(dataDir, log, nowMs, noMachine)
  t.match(origin, /^[0-9a-f]{64}$/)
  t.equal((await stat(join(dataDir, 'node.key'))).mode & 0o777, 0o600)
  t.equal(openIdentity(dataDir, log, nowMs, noMachine).origin, origin)
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

t.test('a signature for a hello is none for a record or a bye', async t => {
  const identity = openIdentity(await makeDirectory(t), createHeardLog(), nowMs)
  const signature = createNodeSignature(identity)
  const { self } = signature
  const body = Buffer.from('what was said')
  const hello = signature.sign('hello', body)
  t.equal(signature.isSignedBy(self, 'hello', body, hello), true)
  t.equal(signature.isSignedBy(self, 'bye', body, hello), false)
  t.equal(isSignedBy({ body, signature: hello }, self), false)
  t.equal(signature.isSignedBy(self, 'hello', body, signBody(body, identity.privateKey)), false)
  t.equal(signature.isSignedBy('ab', 'hello', body, hello), false)
})

/** A host as far as its machine id goes. */
async function makeMachine(t: Test, id: string) {
  const idFile = join(await makeDirectory(t), 'machine-id')
  await writeFile(idFile, `${id}\n`)
  return { idFile }
}

t.test(
  'a key that came with a copied disk is moved aside, loudly, and the node gets its own',
  async t => {
    const dataDir = await makeDirectory(t)
    const log = createHeardLog()
    const one = await makeMachine(t, '0123456789abcdef0123456789abcdef')
    const other = await makeMachine(t, 'fedcba9876543210fedcba9876543210')
    const { origin } = openIdentity(dataDir, log, nowMs, one)
    t.equal(openIdentity(dataDir, log, nowMs, one).origin, origin)
    t.strictSame(log.lines, [])
    const key = await readFile(join(dataDir, 'node.key'), 'utf8')

    const made = openIdentity(dataDir, log, nowMs, other).origin
    t.not(made, origin)
    t.match(messages(log.lines, 'error'), [/^node key is of another machine/])
    const aside = join(dataDir, 'node.key.of-another-machine-20260601T000000000Z')
    t.equal(await readFile(aside, 'utf8'), key, 'nothing is lost')
    t.equal(openIdentity(dataDir, log, nowMs, other).origin, made)
    t.notMatch(await readFile(join(dataDir, 'node.key.machine'), 'utf8'), 'fedcba9876543210')
  },
)

t.test('a copy with the same machine id is told by the name that its node was given', async t => {
  const dataDir = await makeDirectory(t)
  const machine = await makeMachine(t, '0123456789abcdef0123456789abcdef')
  const log = createHeardLog()
  const { origin } = openIdentity(dataDir, log, nowMs, { ...machine, name: 'edge-1' })
  t.equal(openIdentity(dataDir, log, nowMs, { ...machine, name: 'edge-1' }).origin, origin)
  t.not(openIdentity(dataDir, log, nowMs, { ...machine, name: 'edge-2' }).origin, origin)
})

t.test('a key of a version that bound none is bound to the machine it is met on', async t => {
  const dataDir = await makeDirectory(t)
  const log = createHeardLog()
  const { origin } = openIdentity(dataDir, log, nowMs, noMachine)
  const machine = await makeMachine(t, '0123456789abcdef0123456789abcdef')
  t.equal(openIdentity(dataDir, log, nowMs, machine).origin, origin)
  t.strictSame(log.lines, [])
  const other = await makeMachine(t, 'fedcba9876543210fedcba9876543210')
  t.not(openIdentity(dataDir, log, nowMs, other).origin, origin)
})

t.test('where the machine has no id the key is left alone', async t => {
  const dataDir = await makeDirectory(t)
  const log = createHeardLog()
  const machine = await makeMachine(t, '0123456789abcdef0123456789abcdef')
  const { origin } = openIdentity(dataDir, log, nowMs, machine)
  for (const id of ['', 'uninitialized', 'ZZ']) {
    const other = await makeMachine(t, id)
    t.equal(openIdentity(dataDir, log, nowMs, other).origin, origin)
  }
  t.equal(openIdentity(dataDir, log, nowMs, noMachine).origin, origin)
})
