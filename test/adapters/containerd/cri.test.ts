import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openCri } from '../../../src/adapters/containerd/cri.ts'
import { field, serveBytes } from './raw-grpc.ts'
import { folderOf } from './support.ts'

/** A runtime that answers so. */
async function serve(t: Test, answers: Readonly<Record<string, Buffer>>) {
  const named = Object.entries(answers).map(([name, bytes]) => [`runtime.v1.${name}`, bytes])
  const { socket, asked } = await serveBytes(t, Object.fromEntries(named))
  return { ...open(t, socket), asked }
}

function open(t: Test, socket: string) {
  const cri = openCri(socket)
  t.teardown(() => cri.close())
  return { cri, socket }
}

const config = { registry: { configPath: '/c' }, containerd: {}, containerdRootDir: '/root' }
const info = (key: string, value: string) =>
  field(2, Buffer.concat([field(1, key), field(2, value)]))

t.test('what is said is in the bytes of CRI', async t => {
  const { cri, asked } = await serve(t, {
    'RuntimeService/Version': Buffer.concat([
      field(1, '0.1.0'),
      field(2, 'containerd'),
      field(3, '1.7.24'),
      field(4, 'v1'),
    ]),
    'RuntimeService/Status': Buffer.concat([
      field(1, field(1, field(1, 'RuntimeReady'))),
      info('golang', '"go1.22"'),
      info('config', JSON.stringify(config)),
    ]),
    'ImageService/PullImage': field(1, 'sha256:0'),
    'ImageService/RemoveImage': Buffer.alloc(0),
  })
  t.equal(await cri.version(), '1.7.24')
  t.strictSame(await cri.runningConfig(), {
    configPath: '/c',
    discardUnpackedLayers: undefined,
    contentRoot: '/root/io.containerd.content.v1.content',
  })
  await cri.pull('a/b:c')
  await cri.remove('a/b:c')
  const ofImage = field(1, field(1, 'a/b:c')).toString('hex')
  t.strictSame(Object.fromEntries(asked), {
    'runtime.v1.RuntimeService/Version': '',
    'runtime.v1.RuntimeService/Status': '0801', // verbose
    'runtime.v1.ImageService/PullImage': ofImage,
    'runtime.v1.ImageService/RemoveImage': ofImage,
  })
})

t.test('a runtime that tells nothing of its configuration is no fault', async t => {
  const nothing = {
    configPath: undefined,
    discardUnpackedLayers: undefined,
    contentRoot: undefined,
  }
  for (const told of [Buffer.alloc(0), info('config', 'no JSON'), info('config', 'null')]) {
    const { cri } = await serve(t, { 'RuntimeService/Status': told })
    t.strictSame(await cri.runningConfig(), nothing)
  }
  const discards = JSON.stringify({ containerd: { discardUnpackedLayers: true } })
  const { cri } = await serve(t, { 'RuntimeService/Status': info('config', discards) })
  t.match(await cri.runningConfig(), { discardUnpackedLayers: true })
})

t.test('what it refuses, answers falsely or cannot answer is told in its words', async t => {
  const { cri } = await serve(t, { 'RuntimeService/Version': Buffer.from('0a05ab', 'hex') })
  const code = 'config-invalid'
  await t.rejects(cri.pull('a/b:c'), { code, message: /^UNIMPLEMENTED: / })
  await t.rejects(cri.version(), { code, message: /^INTERNAL: / })
  const absent = open(t, join(await folderOf(t), 'none.sock'))
  const message = /^UNAVAILABLE: .*none\.sock: .*ENOENT/
  await t.rejects(absent.cri.version(), { code, message, cause: { details: String } })
})
