import { join } from 'node:path'
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { openCri } from '../../../src/adapters/containerd/cri.ts'
import { folderOf } from './support.ts'

/** A field with a length, as https://protobuf.dev/programming-guides/encoding/ has it; up to 127 bytes. */
const field = (number: number, bytes: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), Buffer.from(bytes)])

/** A runtime that knows these methods alone, by the bytes of its answers; what it was asked, by method, in hex. */
async function serve(t: Test, answers: Readonly<Record<string, Buffer>>) {
  const socket = join(await folderOf(t), 'c.sock')
  const asked = new Map<string, string>()
  const server = new Server()
  const asIs = (bytes: Buffer) => bytes
  for (const [name, answer] of Object.entries(answers)) {
    const path = `/runtime.v1.${name}`
    const method = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    } as const
    server.addService(
      { [name]: method },
      {
        [name]({ request }: { request: Buffer }, done: sendUnaryData<Buffer>) {
          asked.set(name, request.toString('hex'))
          done(null, answer)
        },
      },
    )
  }
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), error =>
      error === null ? resolve() : reject(error),
    ),
  )
  t.teardown(() => server.forceShutdown())
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
    'RuntimeService/Version': '',
    'RuntimeService/Status': '0801', // verbose
    'ImageService/PullImage': ofImage,
    'ImageService/RemoveImage': ofImage,
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
