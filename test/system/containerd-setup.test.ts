import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { pictureOf } from '../adapters/containerd-setup/picture.ts'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import { type HoldfastNode, program } from './support/holdfast.ts'
import { run } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'
import { clientsWait, registryName, startWorld, type World } from './support/world.ts'

requireSystem()

const faultsIn = (findings: readonly { readonly level: string; readonly what: string }[]) =>
  findings.filter(({ level }) => level !== 'ok').map(({ what }) => what)

/** A containerd and a node on one machine, and the program that sets up the one for the other. */
interface Scene {
  readonly version: string
  readonly dir: string
  readonly world: World
  readonly client: Containerd
  readonly node: HoldfastNode
  holdfast(...args: string[]): Promise<string>
}

t.jobs = containerdVersions.length
for (const version of containerdVersions) {
  t.test(`containerd ${version}`, { buffered: true }, async t => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-setup-'))
    const pause = join(dir, 'pause.tar')
    await writeArchive(pause, pauseImage, makeImage({ salt: 'pause' }))
    const world = await startWorld()
    const client = await startContainerd(version, join(dir, 'node'), pause)
    t.teardown(async () => {
      await client.stop()
      await world.close()
      await rm(dir, { recursive: true, force: true })
    })
    const upstreams = {
      [registryName]: { url: world.uplink.url },
      [other]: { url: world.uplink.url },
    }
    const node = await world.node({ config: { upstreams, ...clientsWait(3_000) } })
    const socket = join(dir, 'node', 'containerd.sock')
    const containerd = { configFile: join(dir, 'node', 'config.toml'), socket }
    const config = join(dir, 'setup.yaml')
    const mirror = { listen: new URL(node.mirror).host }
    await writeFile(config, JSON.stringify({ upstreams, mirror, containerd }))
    const holdfast = (...args: string[]) =>
      run(process.execPath, [program, 'containerd', ...args, '--config', config])
    await world.push('app', 'latest', { salt: version })
    const scene = { version, dir, world, client, node, holdfast }

    await t.test('what K3s writes by its edited registries.yaml', t => asK3sStarts(t, scene))
    await t.test('hosts behind the mirror', t => askBehind(t, scene))
    await t.test('a mirror that asks for the token', t => askWithToken(t, scene))
    await t.test('install, pull, uninstall', t => roundTrip(t, scene))
  })
}

const image = `${registryName}/app:latest`
/** A second name of the same registry. */
const other = 'other.lab'

async function roundTrip(t: Test, scene: Scene): Promise<void> {
  const { version, world, client, node, holdfast } = scene
  // A registry of an outdated address, and a directory of somebody else.
  await client.mirror(registryName, 'http://127.0.0.1:1')
  await mkdir(join(client.certsDir, 'other.example'))
  await writeFile(join(client.certsDir, 'other.example', 'hosts.toml'), '[host]\n')
  const before = pictureOf(client.certsDir)
  await t.rejects(client.pull(image, 30_000), 'as it was, containerd asks an address of nobody')

  for (const fallback of ['none', 'upstream']) {
    await holdfast('install', '--fallback', fallback)
    const file = join(client.certsDir, registryName, 'hosts.toml')
    const server = fallback === 'none' ? node.mirror : world.uplink.url
    t.match(await readFile(file, 'utf8'), `\nserver = "${server}"\n`)
    t.ok(await client.pull(image, 30_000), `${fallback}: pulled`)
    t.match(await lastAnswer(scene), image, 'through the mirror')
    await client.remove(image)
  }
  const { findings } = JSON.parse(await holdfast('check', '-o', 'json'))
  t.match(findings[0].what, new RegExp(`^containerd v?${version}\\.`))
  t.match(findings.at(-1), { id: 'pull', level: 'ok' })
  t.strictSame(faultsIn(findings), [], 'nothing to mend')
  t.match(await holdfast('status'), /registry\.lab +installed +upstream +http:\S+, then http:/)

  await holdfast('install', '--fallback', 'none')
  world.uplink.freeze()
  t.ok(await client.pull(image, 30_000), 'with the registry frozen, out of the store')
  await client.remove(image)
  world.uplink.heal()

  t.equal(await node.stop(), 0)
  await t.rejects(client.pull(image, 30_000), 'none: without Holdfast nobody is asked')
  await holdfast('install', '--fallback', 'upstream')
  t.ok(await client.pull(image, 30_000), 'upstream: without Holdfast the registry is asked')

  await holdfast('uninstall')
  t.equal(pictureOf(client.certsDir), before, 'byte for byte as it was')
}

/** The mirror itself is where nobody listens, so that whoever stands behind it is asked. */
async function askBehind(t: Test, scene: Scene): Promise<void> {
  const { client, node, holdfast, world } = scene
  const dead = ['--mirror.listen', '127.0.0.1:1', '--fallback', 'none']
  await holdfast('install', ...dead, '--target', node.mirror)
  t.ok(await client.pull(image, 30_000), 'another way to a Holdfast')
  t.match(await node.metrics(), /holdfast_mirror_target_requests_total\{target="2"\} [1-9]/)
  await client.remove(image)
  await holdfast('uninstall')

  await client.mirror(registryName, world.origin.url)
  await holdfast('install', ...dead, '--prepend')
  t.ok(await client.pull(image, 30_000), 'a host that was there before')
  await client.remove(image)
  await holdfast('uninstall')
  await rm(join(client.certsDir, registryName), { recursive: true })
}

const mirrorToken = 'open-sesame-0123456789abcdef'

/** What stands before the mirror admits by the token alone, as a mirror does that sees another address than its node's. */
async function askWithToken(t: Test, scene: Scene): Promise<void> {
  const { dir, client, node, holdfast } = scene
  let refused = 0
  const guard = createServer((asked, response) => {
    if (asked.headers['holdfast-token'] !== mirrorToken) {
      refused += 1
      response.writeHead(403).end()
      return
    }
    const { method, headers } = asked
    const onward = request(new URL(asked.url ?? '', node.mirror), { method, headers }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy()).end()
  })
  await once(guard.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => guard.close().closeAllConnections())
  const tokenFile = join(dir, 'mirror.token')
  await writeFile(tokenFile, `${mirrorToken}\n`)
  const { port } = guard.address() as AddressInfo
  const listen = ['--mirror.listen', `0.0.0.0:${port}`, '--mirror.token-file', tokenFile]
  await holdfast('install', '--fallback', 'none', ...listen)
  t.ok(await client.pull(image, 30_000), 'pulled')
  await client.remove(image)
  await t.rejects(client.pull(`${registryName}/nobody:has`, 30_000))
  const { findings } = JSON.parse(await holdfast('check', '-o', 'json', ...listen))
  t.match(findings.at(-1), { id: 'pull', level: 'ok' })
  t.equal(refused, 0, 'no question without the token, not the last one either')
  await holdfast('uninstall')
}

async function asK3sStarts(t: Test, scene: Scene): Promise<void> {
  const { dir, client, holdfast } = scene
  const registriesFile = join(dir, 'registries.yaml')
  const written = `# by Ann\nmirrors:\n  ${registryName}:\n    endpoint:\n      - "http://127.0.0.1:1" # gone\n`
  await writeFile(registriesFile, written)
  const onK3s = ['--containerd.registries-file', registriesFile]
  await holdfast('install', '--fallback', 'none', '--write', ...onK3s)
  for (const start of ['first', 'second']) {
    await startLikeK3s(client.certsDir, registriesFile)
    for (const name of [registryName, other]) {
      t.ok(await client.pull(`${name}/app:latest`, 30_000), `${start} start: ${name} is pulled`)
      t.match(await lastAnswer(scene), `${name}/app:latest`, 'through the mirror')
      await client.remove(`${name}/app:latest`)
    }
  }
  await holdfast('uninstall', ...onK3s)
  t.equal(await readFile(registriesFile, 'utf8'), written)
  await startLikeK3s(client.certsDir, registriesFile)
  t.notMatch(pictureOf(client.certsDir), other)
  await rm(join(client.certsDir, registryName), { recursive: true })
}

const lastAnswer = async ({ node }: Scene): Promise<string> => {
  const { items } = await node.ask<{ items: { reference: string }[] }>(
    '/api/v1/resolutions?limit=1',
  )
  return items[0]?.reference ?? ''
}

/**
 * What K3s does with the directory at each start, as its documentation and sources tell: files with its header go, and each mirror of
 * `registries.yaml` gets one anew. https://docs.k3s.io/installation/private-registry
 */
async function startLikeK3s(certsDir: string, registriesFile: string): Promise<void> {
  const header = '# File generated by k3s. DO NOT EDIT.\n'
  for (const name of await readdir(certsDir)) {
    const text = await readFile(join(certsDir, name, 'hosts.toml'), 'utf8').catch(() => '')
    if (text.startsWith(header)) await rm(join(certsDir, name), { recursive: true })
  }
  const { mirrors } = parse(await readFile(registriesFile, 'utf8'))
  for (const [name, { endpoint }] of Object.entries<{ endpoint: string[] }>(mirrors)) {
    await rm(join(certsDir, name), { recursive: true, force: true })
    await mkdir(join(certsDir, name), { mode: 0o700 })
    const hosts = endpoint.map(url => `[host."${url}/v2"]\n  capabilities = ["pull", "resolve"]\n`)
    const server = `server = "https://${name}/v2"\ncapabilities = ["pull", "resolve", "push"]\n`
    await writeFile(join(certsDir, name, 'hosts.toml'), [header, server, ...hosts].join('\n'))
  }
}

t.test('skopeo, by what podman and CRI-O read', async t => {
  const world = await startWorld()
  t.teardown(world.close)
  const node = await world.node({ config: { ...world.config, ...clientsWait(3_000) } })
  const config = join(world.dir, 'setup.yaml')
  const listen = new URL(node.mirror).host
  await writeFile(config, JSON.stringify({ ...world.config, mirror: { listen } }))
  await world.push('app', 'latest')
  const conf = join(world.dir, 'registries.conf')
  const print = async (fallback: string) => {
    const args = ['print', '--for', 'podman', '--fallback', fallback, '-o', 'json']
    const told = await run(process.execPath, [program, 'containerd', ...args, '--config', config])
    await writeFile(conf, JSON.parse(told).files[0].text)
  }
  let copies = 0
  const copy = async () => {
    const from = ['--registries-conf', conf, 'copy', `docker://${registryName}/app:latest`]
    const into = join(world.dir, `copy-${copies++}`)
    await run('skopeo', ['--insecure-policy', ...from, `oci:${into}:latest`], { timeoutMs: 60_000 })
    return readFile(join(into, 'index.json'), 'utf8')
  }
  const asked = async () => {
    const { items } = await node.ask<{ items: { count: number }[] }>('/api/v1/resolutions')
    return items.reduce((sum, { count }) => sum + count, 0)
  }
  await print('upstream')
  const first = await copy()
  t.equal(await asked(), 1, 'the mirror before the registry')
  await print('none')
  t.equal(await copy(), first)
  t.equal(await asked(), 2, 'the mirror alone')
  world.uplink.freeze()
  t.equal(await copy(), first, 'with the registry frozen, out of the store')
  world.uplink.heal()
  t.equal(await node.stop(), 0)
  await t.rejects(copy(), 'none: without Holdfast nobody is asked')
  await print('upstream')
  t.equal(await copy(), first, 'upstream: without Holdfast the registry is asked')
})
