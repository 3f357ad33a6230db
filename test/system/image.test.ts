import { createHash } from 'node:crypto'
import { chown, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { unbundled } from '../../scripts/build.ts'
import {
  buildElsewhere,
  buildImage,
  type UnpackedImage,
  unpackImage,
} from './support/built-image.ts'
import { startNode } from './support/holdfast.ts'
import {
  beside,
  image,
  ownUser,
  runnable,
  startClient,
  startInPod,
  version,
} from './support/image-pod.ts'
import type { Pod } from './support/pods.ts'
import { run, until } from './support/process.ts'
import { containerdVersions, emulator, requireSystem } from './support/requirements.ts'
import { clientsWait, registryName, startWorld } from './support/world.ts'

requireSystem()

const sha256 = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

// Clients go beside one another: what takes time is mostly containerd's unpacking.
t.jobs = 3

const dir = await mkdtemp(join(tmpdir(), 'holdfast-image-'))
t.teardown(() => rm(dir, { recursive: true, force: true }))
const built = await buildImage(dir)
t.comment(built.told)
const { digest, platforms } = await unpackImage(built.archive, dir)
const upperLayer = platforms[0]?.layers.at(-1) ?? ''

t.test('another copy of the same checkout makes the same archive', async t => {
  t.equal(await sha256(await buildElsewhere(dir, built.inputs)), await sha256(built.archive))
})

t.test('it is for two processors and small', async t => {
  t.same(
    platforms.map(({ architecture }) => architecture),
    ['amd64', 'arm64'],
  )
  for (const { rootFs, config, architecture } of platforms) {
    t.equal(config.architecture, architecture)
    t.equal(config.config.User, `${ownUser}:${ownUser}`)
    const all = Number.parseInt(await run('du', ['-sb', rootFs]), 10)
    const bytes = all - (await stat(join(rootFs, 'usr/bin/node'))).size
    t.ok(bytes < 60e6, `${architecture} without Node: ${bytes} bytes`)
  }
})

t.test(
  'of its files only Node, Holdfast and mount can be started, and no file gives rights away',
  async t => {
    for (const { rootFs } of platforms) {
      const find = async (...what: string[]) => {
        const words = [rootFs, '-type', 'f', ...what, '-printf', '%P\n']
        return (await run('find', words)).split('\n').filter(Boolean).sort()
      }
      const programs = (await find('-perm', '/111')).filter(path => !/\.so\.[0-9]/.test(path))
      const ownMounts = ['usr/bin/mount', 'usr/bin/umount']
      t.same(programs, [...ownMounts, 'opt/holdfast/dist/main.js', 'usr/bin/node'].sort())
      t.same(await find('-perm', '/6022'), [], 'no setuid, nothing others may write')
      const foreign = await run('find', [rootFs, '-not', '-uid', '0', '-printf', '%P %m %U:%G\n'])
      t.equal(foreign, `var/lib/holdfast 700 ${ownUser}:${ownUser}\n`, 'its own is its directory')
    }
  },
)

t.test('its bill of materials lists all that is in it', async t => {
  for (const { rootFs, architecture } of platforms) {
    const path = join(rootFs, 'usr/share/doc/holdfast/sbom.cdx.json')
    const text = await readFile(path, 'utf8')
    t.equal(await readFile(`${built.archive}.${architecture}.cdx.json`, 'utf8'), text)
    const { components } = JSON.parse(text) as {
      components: { name: string; version: string; purl: string }[]
    }
    const listed = new Set(components.map(({ name, version }) => `${name}@${version}`))
    const packages = await packagesOf(rootFs)
    t.ok(packages.length > 50)
    const debs = await run('sh', ['-ec', `cd "${rootFs}/var/lib/dpkg/status.d" && cat *`])
    const of = (field: string) =>
      [...debs.matchAll(new RegExp(`^${field}: (.+)$`, 'gm'))].map(([, value]) => value)
    const versions = of('Version')
    const debian = of('Package').map((name, at) => `${name}@${versions[at]}`)
    t.ok(debian.length > 4)
    const unlisted = [...packages, ...debian].filter(name => !listed.has(name))
    t.same(unlisted, [])
    for (const name of [/^fastify@/, /^libp2p@/, /^node@24\./]) {
      t.ok(
        [...listed].some(listing => name.test(listing)),
        'also what is bundled, and Node',
      )
    }
    t.notOk([...listed].some(name => /^(tap|typescript|esbuild)@/.test(name)))
  }
})

/** `name@version` of every package of npm in a root file system. */
async function packagesOf(rootFs: string): Promise<readonly string[]> {
  const found = await run('find', [
    join(rootFs, 'opt/holdfast/node_modules'),
    ...['-regex', '.*/node_modules/\\(@[^/]+/\\)?[^/@]+/package.json'],
  ])
  const files = found.split('\n').filter(Boolean)
  const read = async (file: string) => {
    const { name, version } = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>
    return `${name}@${version}`
  }
  return Promise.all(files.map(read))
}

t.test('for the other processor it runs as well, emulated', async t => {
  const arm = platforms.find(({ architecture }) => architecture === 'arm64') as UnpackedImage
  const start = (...words: string[]) =>
    run(emulator, ['-L', arm.rootFs, ...words], { timeoutMs: 120_000 })
  const node = join(arm.rootFs, 'usr/bin/node')
  const program = join(arm.rootFs, 'opt/holdfast')
  const told = await start(node, join(program, 'dist/main.js'), 'version')
  t.match(told, `holdfast ${version}`)
  const probe = `const { createRequire } = require('node:module')
    const load = createRequire('${program}/dist/main.js')
    console.log(process.arch, load('better-sqlite3')(':memory:').prepare('select 6 * 7 as n').get())`
  t.match(await start(node, '-e', probe), /arm64 \{ n: 42 \}/)
})

/** Loads a package as Holdfast would. */
function loading(name: string): readonly string[] {
  const script = `await import(import.meta.resolve('${name}', 'file:///opt/holdfast/dist/main.js'))
    process.stdout.write('${name}')`
  const flags = ['--experimental-import-meta-resolve', '--input-type=module']
  return ['/usr/bin/node', ...flags, '-e', script]
}

/** The uid and the capabilities of the process that a pod runs. */
async function rightsOf(pod: Pod): Promise<string> {
  const script = `process.stdout.write(require('node:fs').readFileSync('/proc/1/status', 'utf8'))`
  return pod.exec('/usr/bin/node', '-e', script)
}

for (const containerd of containerdVersions) {
  t.test(
    `containerd ${containerd} imports it, runs it without rights, and pulls through it`,
    { buffered: true },
    async t => {
      const { client, dir } = await startClient(t, containerd)
      const world = await startWorld()
      t.teardown(() => world.close())
      await client.ctr('-n', 'k8s.io', 'images', 'import', '--all-platforms', built.archive)
      t.match(await client.ctr('-n', 'k8s.io', 'images', 'ls', `name==${image}`), digest)
      const config = { ...world.config, ...clientsWait(3_000) }
      const { pod, mirror } = await startInPod(t, { client, dir }, { config })

      const rights = await rightsOf(pod)
      t.match(rights, new RegExp(`^Uid:\\s${ownUser}\\s`, 'm'))
      t.match(rights, /^CapEff:\s0+$/m)
      t.match(rights, /^CapBnd:\s0+$/m)
      t.match(
        await pod.exec('/usr/bin/holdfast', 'status'),
        /registry\.lab/,
        'its command works beside it',
      )
      for (const name of unbundled) t.match(await pod.exec(...loading(name)), name)
      const writing = `require('node:fs').writeFileSync('/opt/x', '')`
      await t.rejects(pod.exec('/usr/bin/node', '-e', writing), /EROFS/, 'its root is read-only')

      await client.mirror(registryName, mirror)
      const app = `${registryName}/app:latest`
      await world.push('app', 'latest', runnable('app'))
      const pulled = await client.pull(app, 30_000).catch(async error => {
        throw new Error(`${error.message}\n${await pod.output()}`)
      })
      await client.remove(app)
      world.uplink.freeze()
      t.equal(await client.pull(app, 30_000), pulled, 'also with the registry frozen')
      t.match(await client.runPod(app, ['/bin/sh', '-c', 'echo $SALT']), 'app')
      t.equal(await pod.stop(), 0, 'it ends by itself when it is asked to')
    },
  )
}

/** By whom containerd's socket may be opened, and who Holdfast is then. */
const ways = {
  'as root, without any capability': { uid: 0, gid: 0 },
  "as its own user, where the socket is its group's": { uid: ownUser, gid: ownUser },
}
for (const [way, user] of Object.entries(ways)) {
  t.test(
    `beside containerd it serves what containerd holds, ${way}`,
    { buffered: true },
    async t => {
      const { client, dir } = await startClient(t, '2.1')
      await client.ctr('-n', 'k8s.io', 'images', 'import', '--all-platforms', built.archive)
      await chown(client.socket, 0, user.gid)
      const config = {
        mode: 'offline',
        upstreams: { 'ghcr.io': {} },
        store: { kind: 'both', minFreeBytes: '1MiB' },
        containerd: { socket: client.socket },
      }
      const mounts = [beside(client)]
      const { pod, mirror } = await startInPod(t, { client, dir }, { user, config, mounts })
      const url = `${mirror}/v2/holdfast/holdfast`
      const answer = await until('it knows what containerd holds', async () => {
        const answer = await fetch(`${url}/manifests/${version}?ns=ghcr.io`)
        return answer.ok && answer
      }).catch(async error => {
        throw new Error(`${error.message}\n${await pod.output()}`)
      })
      t.equal(answer.headers.get('docker-content-digest'), digest)
      const layer = await fetch(`${url}/blobs/${upperLayer}?ns=ghcr.io`)
      const bytes = Buffer.from(await layer.arrayBuffer())
      t.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, upperLayer)
    },
  )
}

t.test(
  'a node takes the archive from its drop folder, and containerd runs it from there',
  { buffered: true },
  async t => {
    const { client, dir } = await startClient(t, '2.1')
    const drop = join(dir, 'drop')
    await mkdir(drop)
    const config = { mode: 'offline', upstreams: { 'ghcr.io': {} }, dropFolder: { path: drop } }
    const node = await startNode({ dir: join(dir, 'node'), config })
    t.teardown(() => node.stop())
    await client.mirror('ghcr.io', node.mirror)
    await run('cp', [built.archive, join(dir, 'image.tar')])
    await rename(join(dir, 'image.tar'), join(drop, 'image.tar'))
    await until('it is imported', async () => {
      const { items } = await node.ask<{ items: { digest: string }[] }>('/api/v1/tags')
      return items.some(item => item.digest === digest)
    })
    await client.pull(image, 30_000)
    t.match(await client.runPod(image, ['/usr/bin/holdfast', 'version']), `holdfast ${version}`)
  },
)

t.test('with fallback auto a privileged pod mounts for the containerd of its node', async t => {
  const { client, dir } = await startClient(t, '2.1')
  const { certsDir } = client
  await mkdir(certsDir, { recursive: true })
  await run('mount', ['--bind', certsDir, certsDir])
  t.teardown(() => run('umount', ['-l', certsDir]))
  await run('mount', ['--make-shared', certsDir])
  const world = await startWorld()
  t.teardown(() => world.close())
  await client.ctr('-n', 'k8s.io', 'images', 'import', '--all-platforms', built.archive)
  const configFile = join(dir, 'containerd', 'config.toml')
  const containerd = { socket: client.socket, certsDir, configFile }
  const propagation = 'PROPAGATION_BIDIRECTIONAL' as const
  const mounts = [beside(client), { container_path: certsDir, host_path: certsDir, propagation }]
  const root = { user: { uid: 0, gid: 0 }, security: 'privileged' as const }
  const config = { ...world.config, containerd }
  const { pod } = await startInPod(t, { client, dir }, { ...root, config, mounts })
  const setUp = (what: string, ...more: string[]) =>
    pod.exec('/usr/bin/holdfast', 'containerd', what, ...more)
  const hosts = () => readFile(join(certsDir, registryName, 'hosts.toml'), 'utf8')
  await setUp('install', '--require-config-path')
  await until('the registry stands behind the mirror, as the node sees it', async () =>
    (await hosts()).includes(`server = "${world.uplink.url}"`),
  ).catch(async error => {
    throw new Error(`${error.message}\n${await pod.output()}`)
  })
  await setUp('uninstall')
  await t.rejects(hosts(), { code: 'ENOENT' }, 'and nothing is left of it')
})

t.test('root without any capability sends containerd to the mirror, and takes it back', async t => {
  const { client, dir } = await startClient(t, '2.1')
  const { certsDir, socket } = client
  await mkdir(certsDir, { recursive: true })
  await client.ctr('-n', 'k8s.io', 'images', 'import', '--all-platforms', built.archive)
  const configFile = join(dir, 'containerd', 'config.toml')
  const config = {
    mode: 'offline',
    upstreams: { 'ghcr.io': {} },
    containerd: { socket, certsDir, configFile, fallback: 'none' },
  }
  const mounts = [beside(client), { container_path: certsDir, host_path: certsDir }]
  const user = { uid: 0, gid: 0 }
  const { pod, mirror } = await startInPod(t, { client, dir }, { user, config, mounts })
  t.match(await rightsOf(pod), /^CapEff:\s0+$/m)
  const setUp = (...words: string[]) => pod.exec('/usr/bin/holdfast', 'containerd', ...words)
  await setUp('install', '--require-config-path')
  const path = join(certsDir, 'ghcr.io', 'hosts.toml')
  t.match(await readFile(path, 'utf8'), `server = "${mirror}"`)
  await setUp('uninstall')
  await t.rejects(readFile(path), { code: 'ENOENT' })
})
