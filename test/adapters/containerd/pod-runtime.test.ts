import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openPodRuntime } from '../../../src/adapters/containerd/pod-runtime.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { field, numberField, serveBytes } from './raw-grpc.ts'
import { folderOf } from './support.ts'

const d = (text: string) => digestOf(Buffer.from(text))
const id = (text: string) => d(`config of ${text}`)
const createdAtMs = Date.parse('2026-11-28T21:00:00Z')

/** As CRI writes it; `isReady`: its pod runs. */
function pod(sandbox: string, namespace: string, name: string, isReady = true): Buffer {
  const metadata = [field(1, name), field(2, `uid of ${name}`), field(3, namespace)]
  const state = isReady ? [] : [numberField(3, 1)]
  return field(1, Buffer.concat([field(1, sandbox), field(2, Buffer.concat(metadata)), ...state]))
}

function container(
  sandbox: string,
  name: string,
  image: { readonly image: string; readonly ref: string; readonly wished?: string },
): Buffer {
  const wished = image.wished === undefined ? [] : [field(18, image.wished)]
  const parts = [
    field(1, `id of ${name}`),
    field(2, sandbox),
    field(3, field(1, name)),
    field(4, Buffer.concat([field(1, image.image), ...wished])),
    field(5, image.ref),
    numberField(6, 1),
    numberField(7, createdAtMs * 1e6),
  ]
  return field(1, Buffer.concat(parts))
}

/** As containerd's own image service writes it. */
function image(name: string, digest: string): Buffer {
  const target = Buffer.concat([field(1, 'application/x'), field(2, digest), numberField(3, 9)])
  return field(1, Buffer.concat([field(1, name), field(3, target)]))
}

async function look(
  t: Test,
  pods: readonly Buffer[],
  containers: readonly Buffer[],
  images: readonly Buffer[],
) {
  const { socket } = await serveBytes(t, {
    'runtime.v1.RuntimeService/ListPodSandbox': Buffer.concat(pods),
    'runtime.v1.RuntimeService/ListContainers': Buffer.concat(containers),
    'containerd.services.images.v1.Images/List': Buffer.concat(images),
  })
  const runtime = openPodRuntime(socket)
  t.teardown(() => runtime.close())
  return runtime.look()
}

const web = 'docker.io/library/web:1'
/** A tag that was pulled, with all names that CRI gives its image. */
const pulled = (name: string, salt: string) => [
  image(name, d(salt)),
  image(`${name.slice(0, name.lastIndexOf(':'))}@${d(salt)}`, d(salt)),
  image(id(salt), d(salt)),
]

t.test('by hand a container names its image, and the digest is that of its manifest', async t => {
  const view = await look(
    t,
    [pod('s1', 'default', 'web-0')],
    [container('s1', 'main', { image: web, ref: id('web') })],
    pulled(web, 'web'),
  )
  t.strictSame(view.containers, [
    {
      namespace: 'default',
      pod: 'web-0',
      container: 'main',
      images: [web],
      digest: d('web'),
      isRunning: true,
      createdAtMs,
    },
  ])
  t.strictSame([...view.tags], [[web, d('web')]])
})

t.test('the kubelet gives an id: what the pod names is told, or all its tags', async t => {
  const ofKubelet = { image: id('web'), ref: id('web') }
  const other = 'registry.lab/copy:2'
  const { containers } = await look(
    t,
    [pod('s1', 'default', 'web-0')],
    [
      container('s1', 'told', { ...ofKubelet, wished: 'web:1' }),
      container('s1', 'untold', ofKubelet),
      container('s1', 'by-digest', { ...ofKubelet, wished: `web:1@${d('web')}` }),
    ],
    [...pulled(web, 'web'), ...pulled(other, 'web')],
  )
  t.strictSame(
    containers.map(one => one.images),
    [[web], [web, other], [`docker.io/library/web@${d('web')}`]],
  )
  t.strictSame(new Set(containers.map(({ digest }) => digest)), new Set([d('web')]))
})

t.test('a tag that moved on is not what an older container runs', async t => {
  const images = [
    image(web, d('new')),
    image(id('new'), d('new')),
    image(`docker.io/library/web@${d('old')}`, d('old')),
    image(id('old'), d('old')),
  ]
  const pods = [pod('s1', 'default', 'web-0')]
  const old = { image: id('old'), ref: id('old') }
  const gone = { image: web, ref: id('gone') }
  const containers = [container('s1', 'old', old), container('s1', 'gone', gone)]
  const view = await look(t, pods, containers, images)
  t.match(view.containers, [
    { images: [`docker.io/library/web@${d('old')}`], digest: d('old') },
    { images: [web], digest: undefined },
  ])
  t.strictSame([...view.tags], [[web, d('new')]], 'what the tag stands for there')
})

t.test('pods that ended are told as that; names of no registry and strays are not', async t => {
  const view = await look(
    t,
    [pod('s1', 'default', 'job-1', false)],
    [
      container('s1', 'main', { image: web, ref: id('web') }),
      container('s9', 'stray', { image: web, ref: id('web') }),
    ],
    [...pulled(web, 'web'), image('import-2026-11-20:v1', d('x')), image('half:1', 'no digest')],
  )
  t.match(view.containers, [{ container: 'main', isRunning: false }])
  t.equal(view.containers.length, 1)
  t.strictSame([...view.tags.keys()], [web])
})

t.test('without CRI, or without anybody, it is said why', async t => {
  const { socket } = await serveBytes(t, {})
  const disabled = openPodRuntime(socket)
  t.teardown(() => disabled.close())
  await t.rejects(disabled.look(), { code: 'config-invalid', message: /^UNIMPLEMENTED: / })
  const absent = openPodRuntime(join(await folderOf(t), 'none.sock'))
  t.teardown(() => absent.close())
  await t.rejects(absent.look(), { code: 'config-invalid', message: /^UNAVAILABLE: .*none\.sock/ })
})
