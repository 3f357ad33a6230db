import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { toJsonSchema } from '../../src/config/json-schema.ts'
import { rootNode } from '../../src/config/schema.ts'
import { chartDirectory, render } from './support/chart.ts'
import { configOf, containersOf, podsOf } from './support/chart-objects.ts'
import { requireSystem } from './support/requirements.ts'

requireSystem()

const refused = (values: object): Promise<string> =>
  render(values).then(
    () => 'taken',
    (error: unknown) => String(error),
  )

t.test('what contradicts the chart is refused, with the value to set instead', async t => {
  for (const [key, value, said] of [
    ['dataDir', '/x', /config\.dataDir: \/x .*paths\.data/],
    ['dataDir', '/var/lib/holdfast/../x', /config\.dataDir: .*paths\.data/],
    ['store.dir', '/var/lib/holdfast', /has to be a directory below \/var\/lib\/holdfast,/],
    ['store.dir', '/blobs', /config\.store\.dir: \/blobs .*paths\.data/],
    ['dropFolder.path', '/srv/drop', /config\.dropFolder\.path: .*paths\.drop/],
    ['node.name', 'a', /config\.node\.name: a .*the name of the node/],
    ['node.image', 'a/b:1', /sets, ghcr\.io\/holdfast\/holdfast:.*image\.repository/],
    ['mirror.tokenFile', '/t', /\/etc\/holdfast\/secret\/mirror\.token.*secret\.existing/],
    ['admin.socket', '/t', /config\.admin\.socket: \/t/],
    ['admin.tokenFile', '/t', /config\.admin\.tokenFile: \/t .*secret\.existing/],
    ['mesh.secretFile', '/t', /config\.mesh\.secretFile: \/t .*secret\.existing/],
    ['containerd.socket', '/s', /\/run\/containerd\/containerd\.sock.*paths\.socketDir/],
    ['containerd.contentDir', '/c', /paths\.contentDir/],
    ['containerd.configFile', '/c', /paths\.configDir/],
    ['containerd.certsDir', '/c', /paths\.certsDir/],
    ['containerd.registriesFile', '/c', /\/c is not what the chart sets; .*paths\.registriesDir/],
    ['containerd.fallback', 'none', /the chart sets, auto; .*: fallback\)/],
    ['mirror.listen', '127.0.0.1:5050', /outside the pod; .* port of 0\.0\.0\.0:5050 alone/],
    ['peer.listen', '10.0.0.1:5052', /config\.peer\.listen/],
    ['mesh.listen', '[::1]:5053', /config\.mesh\.listen/],
    ['health.listen', 'localhost:5054', /config\.health\.listen/],
    ['health.listen', '0.0.0.0:0', /config\.health\.listen/],
    ['mirror.listen', '0.0.0.0:5053', /mirror\.listen: port 5053 is that of config\.mesh\.listen/],
    ['mesh.listen', '0.0.0.0:5050', /mesh\.listen: port 5050 is that of config\.mirror\.listen/],
    ['health.listen', '0.0.0.0:5051', /port 5051 is that of config\.admin\.listen/],
  ] as const) {
    t.match(await refused({ [`config.${key}`]: value }), said, `${key} ${value}`)
  }
})

t.test('nor is it set by a variable, which goes before the configuration', async t => {
  const said = async (...names: string[]) =>
    refused({ extraEnv: names.map(name => ({ name, value: '/x' })) })
  for (const [name, value] of [
    ['HOLDFAST_CONTAINERD__CERTS_DIR', 'paths.certsDir'],
    ['HOLDFAST_DATA_DIR', 'paths.data'],
    ['HOLDFAST_DROP_FOLDER__PATH', 'paths.drop'],
    ['HOLDFAST_MESH__LISTEN', 'config.mesh.listen'],
    ['HOLDFAST_NODE__NAME', 'none, it is the name of the node'],
  ]) {
    t.match(await said(`${name}`), `extraEnv: ${name} goes before what the chart sets`)
    t.match(await said('TZ', `${name}`), `(the value of the chart for it: ${value})`)
  }
  t.match(await said('TZ', 'HOLDFAST_RESOLVE__TIMEOUT_MS'), 'taken')
  t.match(
    await said('HOLDFAST_CONFIG', 'HOST_ADDRESS'),
    /HOLDFAST_CONFIG is .*\n.*HOST_ADDRESS is /,
  )
})

t.test('a zone that is given stands in the place of that of the node', async t => {
  const zone = { name: 'HOLDFAST_NODE__ZONE', value: 'deck-3' }
  for (const { env } of containersOf(await render({ extraEnv: [zone] }))) {
    t.strictSame(
      env.filter(({ name }) => name === zone.name),
      [zone],
    )
  }
})

t.test('what the API server or the node would refuse is refused before, and why', async t => {
  for (const [key, value, said] of [
    ['paths.drop', '/var/lib/rancher/k3s/agent/images', /K3s imports .*name another folder/],
    ['paths.drop', '/', /paths\.drop: the data of Holdfast .* lies in \/;/],
    ['paths.drop', '/var/lib/holdfast/', /paths\.drop: the data of Holdfast/],
    ['paths.drop', '/var/lib', /paths\.drop: the data of Holdfast/],
    ['paths.socketDir', '/run/k3s/containerd.sock', /the directory that holds it, \/run\/k3s$/m],
    ['image.repository', 'lab:5000/x/y:1', /lab:5000\/x\/y:1 has a tag .*write lab:5000\/x\/y,/],
    ['image.repository', 'ghcr.io/x/y@sha256:1', /write ghcr\.io\/x\/y,/],
    ['updateStrategy.type', 'Rolling', /Rolling is none .*write RollingUpdate or OnDelete/],
    ['podLabels', { 'app.kubernetes.io/name': 'x' }, /podLabels\.app\.kubernetes\.io\/name: x /],
    ['podLabels', { 'holdfast/release': 'x' }, /leave it out/],
    ['warm.schedule', 'every day', /every day is no cron expression/],
    ['warm.schedule', '', /warm\.schedule/],
    ['warm', { enabled: true, images: [''] }, /warm\.enabled without warm\.images/],
    ['secondPath.nodePort', 99_999, /at '\/secondPath\/nodePort': maximum/],
    ['networkPolicy.nodeNetworks', ['10.0.0.0'], /10\.0\.0\.0 is no network; .*10\.0\.0\.0\/24/],
    ['networkPolicy.nodeNetworks', ['10.0.0.0/33'], /is no network/],
    ['networkPolicy.metricsFrom', [{ matchLabels: { a: 'b' } }], /"b".* is no peer .*podSelector/],
    ['networkPolicy.metricsFrom', [{}], /\{\} is no peer/],
  ] as const) {
    t.match(await refused({ [key]: value }), said, `${key} ${JSON.stringify(value)}`)
  }
  const several = { 'paths.drop': '/', 'updateStrategy.type': 'Rolling', 'warm.schedule': 'daily' }
  t.match(await refused(several), /paths\.drop.*\n.*updateStrategy.*\n.*warm\.schedule/, 'at once')
})

t.test('what looks like it, and is right, is taken', async t => {
  const taken = {
    'paths.drop': '/var/lib/holdfast-drop',
    'image.repository': 'lab:5000/holdfast',
    'updateStrategy.type': 'OnDelete',
    podLabels: { team: 'sea' },
    'networkPolicy.nodeNetworks': ['10.0.0.0/24', 'fd00::/8'],
    'config.mesh.enabled': false,
    'config.mirror.listen': '0.0.0.0:5053',
  }
  for (const schedule of ['*/5 0-6,8 * JAN-MAR mon', '@daily', '@every 1h30m', ' 0 3 * * 0 ']) {
    t.match(await refused({ ...taken, 'warm.schedule': schedule }), 'taken', schedule)
  }
})

t.test(
  'a registry has the name that the program takes, and who writes another is told how',
  async t => {
    const upstreams = {
      'my-registry': {},
      'https://docker.io': {},
      'ghcr.io/foo': {},
      'lab:5000': {},
    }
    const said = await refused({ 'config.upstreams': { '*': {}, 'docker.io': null, ...upstreams } })
    const cure = 'write a host as in docker.io or registry.lan:5000'
    const named = [
      ...said.matchAll(/^ +config\.upstreams\.(\S+): is no name of a registry; (.*)$/gm),
    ]
    t.strictSame(
      named.map(([, name, told]) => [name, told]),
      ['ghcr.io/foo', 'https://docker.io', 'my-registry'].map(name => [name, cure]),
    )
    t.match(await refused({ 'config.upstreams.docker.io': 1 }), /at '\/config\/upstreams\/docker'/)
    const { properties } = toJsonSchema(rootNode) as {
      properties: { upstreams: { patternProperties: object } }
    }
    const template = await readFile(join(chartDirectory, 'templates/_decided.tpl'), 'utf8')
    t.match(template, `regexMatch \`${Object.keys(properties.upstreams.patternProperties)[0]}\``)
  },
)

t.test('the whole file of the project is refused, every fault at once', async t => {
  const file = join(chartDirectory, '../../config/holdfast.yaml')
  const said = await refused({ config: parse(await readFile(file, 'utf8')) })
  const keys = said.matchAll(/^ +config\.([\w.]+): /gm)
  t.strictSame(
    [...keys].map(([, key]) => key),
    ['admin.tokenFile', 'dataDir', 'store.dir', 'mirror.listen', 'health.listen'],
  )
})

t.test('what says the same as the chart, or does no harm, is taken', async t => {
  const config = {
    dataDir: '/var/lib/holdfast/',
    mode: 'offline',
    store: { kind: 'disk', dir: '/var/lib/holdfast/disk' },
    mirror: { listen: '[::]:6050', tokenFile: '/etc/holdfast/secret/mirror.token' },
    health: { listen: '0.0.0.0:6054' },
    containerd: { certsDir: '/etc/containerd/certs.d/', fallback: 'none' },
    dropFolder: { path: '/var/lib/holdfast-drop' },
  }
  const paths = { drop: '/srv/drop' }
  t.match(configOf(await render({ config, paths, fallback: 'none' })), config)
  const beside = { dropFolder: { path: '/var/lib/holdfast/drop' } }
  t.match(configOf(await render({ config: beside })), beside, 'beside the data')
})

const withCa = (volume: object, fallback: string, tls: object) => ({
  fallback,
  config: { upstreams: { 'priv.lab': { tls } } },
  warm: { enabled: true, images: ['redis:7'] },
  extraVolumes: [{ name: 'lab', ...volume }],
  extraVolumeMounts: [{ name: 'lab', mountPath: '/etc/holdfast/lab', readOnly: true }],
})
const caFile = '/etc/holdfast/lab/ca.pem'
const configMap = { name: 'priv-lab-ca' }

t.test('whatever reads the configuration has the files of extraVolumes', async t => {
  const rendering = await render(withCa({ configMap }, 'none', { caFile }))
  const reading = [...podsOf(rendering).values()].flatMap(pod =>
    [...(pod.initContainers ?? []), ...pod.containers]
      .filter(({ volumeMounts }) => volumeMounts?.some(({ name }) => name === 'config'))
      .map(container => ({ pod, container })),
  )
  const names = reading.map(({ container }) => container.name)
  t.strictSame(names.toSorted(), ['check', 'holdfast', 'install', 'warm'])
  for (const { pod, container } of reading) {
    const isLab = ({ name }: { readonly name: string }) => name === 'lab'
    const mount = { name: 'lab', mountPath: '/etc/holdfast/lab', readOnly: true }
    t.strictSame(container.volumeMounts.filter(isLab), [mount], container.name)
    t.strictSame(pod.volumes.filter(isLab), [{ name: 'lab', configMap }], container.name)
  }
})

t.test('what containerd reads as well has to lie on the node', async t => {
  for (const fallback of ['auto', 'upstream']) {
    const said = /priv\.lab\.tls\.caFile: with fallback \w+ containerd reads .*ca\.pem on the node/
    t.match(await refused(withCa({ configMap }, fallback, { caFile })), said, fallback)
    const elsewhere = { hostPath: { path: '/srv/lab' } }
    t.match(await refused(withCa(elsewhere, fallback, { caFile })), said, 'of another path')
    const same = { hostPath: { path: '/etc/holdfast/lab/' } }
    t.ok(await render(withCa(same, fallback, { caFile })), 'of the same path')
    t.ok(await render(withCa({ configMap }, fallback, { caFile: '/ca.pem' })), 'not by a mount')
  }
})
