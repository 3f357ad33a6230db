import { once } from 'node:events'
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { zstdCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { startDaemon } from '../../src/daemon.ts'
import { silentLog } from '../../src/ports/log.ts'
import { openIn } from '../adapters/sqlite/support.ts'
import { fullName, layoutOf } from '../archive/support.ts'
import { cli } from '../cli/support.ts'
import { makeImage, makeReferrer, type TestImage } from '../support/image.ts'
import { configIn, runningLog } from '../support/start-node.ts'
import { tar } from '../support/tar.ts'

/** A node whose registry does not answer. */
async function startOffline(t: Test, dir: string, written: Readonly<Record<string, unknown>> = {}) {
  const silent = createServer(() => {})
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => {
    silent.closeAllConnections()
    silent.close()
  })
  const { port } = silent.address() as AddressInfo
  const registry = `127.0.0.1:${port}`
  const upstreams = {
    [registry]: { url: `http://${registry}` },
    'reg.lab': { url: `http://${registry}` },
  }
  const config = await configIn(dir, { upstreams, mode: 'offline', ...written })
  const daemon = await startDaemon(config, { version: '0.0.0-test', log: runningLog(silentLog) })
  const env = {
    HOLDFAST_ADDRESS: daemon.addresses.admin,
    HOLDFAST_ADMIN_TOKEN: (await readFile(config.admin.tokenFile, 'utf8')).trim(),
  }
  return {
    ...daemon,
    env,
    ask: (path: string) => fetch(`http://${daemon.addresses.mirror}/v2/${path}?ns=reg.lab`),
    metrics: async () => (await fetch(`http://${daemon.addresses.health}/metrics`)).text(),
  }
}

const archiveOf = (image: TestImage, name: string) =>
  tar(layoutOf([{ image, annotations: fullName(name) }]))

/** Waits until it is true; what is waited for comes by the file system, not by a call. */
async function until(isTrue: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error('it did not come true')
    await delay(50)
  }
}

/** How many files of its drop folder a node took in. */
async function imported(node: { metrics(): Promise<string> }): Promise<number> {
  const counter = /holdfast_dropped_files_total{outcome="imported"} (\d+)/
  return Number(counter.exec(await node.metrics())?.[1])
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

t.test('an archive that is imported by hand is served without a registry', async t => {
  const dir = t.testdir()
  const node = await startOffline(t, dir)
  t.teardown(() => node.close())
  const image = makeImage()
  const file = join(dir, 'image.tar.zst')
  await writeFile(file, zstdCompressSync(archiveOf(image, 'reg.lab/lab/bb:v1')))
  t.equal((await node.ask('lab/bb/manifests/v1')).status, 404)
  const ran = await cli(['import', file], { env: node.env })
  t.match(ran, { code: 0, out: new RegExp(`reg.lab/lab/bb:v1\n.*digest +${image.digest}`, 's') })
  const answer = await node.ask('lab/bb/manifests/v1')
  t.equal(answer.headers.get('docker-content-digest'), image.digest)
  t.equal(answer.headers.get('holdfast-source'), 'ledger')
  const [layer] = image.for('linux/amd64').layers
  const blob = await node.ask(`lab/bb/blobs/${layer?.digest}`)
  t.ok(layer?.bytes.equals(Buffer.from(await blob.arrayBuffer())))
  t.match(await node.metrics(), /holdfast_imports_total{outcome="ok"} 1/)
})

t.test('one that is refused says why, and a node that is told so goes on', async t => {
  const dir = t.testdir()
  const node = await startOffline(t, dir)
  t.teardown(() => node.close())
  const file = join(dir, 'image.tar')
  const whole = archiveOf(makeImage({ layers: [3_000_000] }), 'reg.lab/lab/bb:v1')
  await writeFile(file, whole.subarray(0, whole.length - 3_000_000))
  const ran = await cli(['import', file], { env: node.env })
  t.match(ran, { code: 8, err: /refused \(tar\): the tar is cut short/ })
  await writeFile(
    file,
    Buffer.concat([Buffer.from('no archive '.repeat(100)), Buffer.alloc(20_000_000, 1)]),
  )
  t.match(await cli(['import', file], { env: node.env }), { code: 8, err: /refused \(tar\)/ })
  const outside = tar([
    ...layoutOf([{ image: makeImage(), annotations: fullName('reg.lab/lab/bb:v1') }]),
    // Time for the node to read what came before.
    ...Array.from({ length: 20 }, (_, i) => ({ name: `${i}`, data: `${i}` })),
    { name: '../x', data: 'x' },
  ])
  await writeFile(file, outside)
  t.match(await cli(['import', file], { env: node.env }), { code: 8, err: /refused \(path\)/ })
  t.strictSame(await readdir(join(dir, 'data/blobs/sha256')), [], 'nothing of them stays')
  await writeFile(file, whole)
  t.match(await cli(['import', file], { env: node.env }), { code: 0 })
  t.match(await node.metrics(), /holdfast_imports_total{outcome="tar"} 2/)
})

t.test('what is put into the folder is served, once, and a newer one moves the tag', async t => {
  const dir = t.testdir()
  const drop = join(dir, 'drop')
  await mkdir(drop)
  const settings = { dropFolder: { path: drop } }
  const [older, newer] = [makeImage(), makeImage({ salt: 'newer' })]
  const digest = async (node: { ask(path: string): Promise<Response> }) =>
    (await node.ask('lab/bb/manifests/v1')).headers.get('docker-content-digest')
  const first = await startOffline(t, dir, settings)
  await mkdir(join(drop, 'below'))
  await writeFile(
    join(drop, 'below', 'a.tar.zst'),
    zstdCompressSync(archiveOf(older, 'reg.lab/lab/bb:v1')),
  )
  await writeFile(join(drop, 'bad.tar'), 'no archive')
  await until(async () => (await digest(first)) === older.digest)
  await until(() => exists(join(drop, 'bad.tar.error.json')))
  t.match(JSON.parse(await readFile(join(drop, 'bad.tar.error.json'), 'utf8')), {
    file: 'bad.tar',
    code: 'tar',
  })
  await writeFile(join(dir, 'b.tar'), archiveOf(newer, 'reg.lab/lab/bb:v1'))
  await rename(join(dir, 'b.tar'), join(drop, 'b.tar'))
  await until(async () => (await digest(first)) === newer.digest)
  // A file is counted once it is done with, which is after its image is served.
  await until(async () => (await imported(first)) >= 2)
  t.equal(await imported(first), 2)
  await first.close()

  const second = await startOffline(t, dir, settings)
  t.teardown(() => second.close())
  await writeFile(
    join(drop, 'bad.tar'),
    archiveOf(makeImage({ salt: 'mended' }), 'reg.lab/lab/mended'),
  )
  await until(async () => !(await exists(join(drop, 'bad.tar.error.json'))))
  t.equal((await second.ask('lab/mended/manifests/latest')).status, 200)
  await until(async () => (await imported(second)) >= 1)
  t.equal(await imported(second), 1, 'the older archive was not imported anew')
  t.equal(await digest(second), newer.digest)
  await rm(drop, { recursive: true })
})

t.test("K3s' own folder is no drop folder", async t => {
  const dir = t.testdir()
  const path = join(dir, 'rancher/k3s/agent/images')
  await mkdir(path, { recursive: true })
  await t.rejects(startOffline(t, dir, { dropFolder: { path } }), { code: 'config-invalid' })
})

t.test('a bundle carries an image, its signature and the tag as it was', async t => {
  const [here, there] = [
    join(t.testdir({ here: {}, there: {} }), 'here'),
    join(t.testdirName, 'there'),
  ]
  const [from, to] = [await startOffline(t, here), await startOffline(t, there)]
  t.teardown(() => from.close())
  t.teardown(() => to.close())
  const [older, newer] = [makeImage(), makeImage({ salt: 'newer' })]
  const signature = makeReferrer({ subject: older })
  const files = ['older.tar', 'newer.tar'].map(name => join(here, name))
  const [olderFile = '', newerFile = ''] = files
  const named = { image: older, annotations: fullName('reg.lab/lab/bb:v1') }
  await writeFile(olderFile, tar(layoutOf([named, { image: signature }])))
  await writeFile(newerFile, archiveOf(newer, 'reg.lab/lab/bb:v1'))
  const bundle = join(here, 'bundle.tar.zst')

  t.match(await cli(['export', 'reg.lab/lab/bb:v1', '-o', bundle], { env: from.env }), {
    code: 1,
    err: /^holdfast: reg.lab\/lab\/bb:v1 is not here/,
  })
  t.match(await cli(['import', olderFile], { env: from.env }), { code: 0 })
  const argv = [
    'export',
    'reg.lab/lab/bb:v1',
    '--referrers',
    '--platform',
    'linux/amd64',
    '-o',
    bundle,
  ]
  t.match(await cli(argv, { env: from.env }), { code: 0, out: `${bundle}\n` })
  await cli(['import', newerFile], { env: to.env })
  t.match(await cli(['import', bundle], { env: to.env }), { code: 0 })
  const digest = async () =>
    (await to.ask('lab/bb/manifests/v1')).headers.get('docker-content-digest')
  t.equal(await digest(), newer.digest, 'the bundle is older than what was known')
  t.equal((await to.ask(`lab/bb/manifests/${older.digest}`)).status, 200)
  const arm = older.for('linux/arm64').digest
  t.equal((await to.ask(`lab/bb/manifests/${arm}`)).status, 404, 'it was not asked for')
  t.match(await (await to.ask(`lab/bb/referrers/${older.digest}`)).json(), {
    manifests: [{ digest: signature.digest }],
  })

  const third = await startOffline(t, t.testdirName)
  t.teardown(() => third.close())
  await cli(['import', bundle], { env: third.env })
  const tags = await cli(['tags', '-o', 'json'], { env: third.env })
  const was = await cli(['tags', '-o', 'json'], { env: from.env })
  const { items } = JSON.parse(tags.out)
  t.match(items, [{ reference: 'reg.lab/lab/bb:v1', digest: older.digest, source: 'import' }])
  t.equal(items[0].confirmedAt, JSON.parse(was.out).items[0].confirmedAt, 'with its stamp')
})

t.test('a bundle since another one is small, and says which one is missing', async t => {
  const dirs = t.testdir({ here: {}, there: {} })
  const [from, to] = [
    await startOffline(t, join(dirs, 'here')),
    await startOffline(t, join(dirs, 'there')),
  ]
  t.teardown(() => from.close())
  t.teardown(() => to.close())
  const [base, monday, again] = ['base', 'monday', 'again'].map(name =>
    join(dirs, `${name}.tar.zst`),
  )
  const file = join(dirs, 'image.tar')
  const layers = [400_000]
  const bring = async (salt: string, name: string) => {
    await writeFile(file, archiveOf(makeImage({ salt, layers }), name))
    t.match(await cli(['import', file], { env: from.env }), { code: 0 })
  }
  const pack = (to: string, ...more: string[]) =>
    cli(['export', 'reg.lab/lab/a:v1', ...more, '-o', to], { env: from.env })
  await bring('one', 'reg.lab/lab/a:v1')
  t.match(await pack(base ?? ''), { code: 0, err: /1 image in 80\d kB/ })
  await bring('two', 'reg.lab/lab/b:v1')
  const since = ['reg.lab/lab/b:v1', '--since', base ?? '']
  t.match(await pack(monday ?? '', ...since), {
    code: 0,
    err: /2 images in 80\d kB; 7 blobs \(80\d kB\) are left out: whoever imports it needs base.tar.zst/,
  })
  await pack(again ?? '', ...since)
  const [first, second] = await Promise.all([monday, again].map(path => readFile(path ?? '')))
  t.ok(first?.equals(second ?? Buffer.alloc(0)), 'equal questions, equal bytes')
  t.match(await cli(['import', monday ?? ''], { env: to.env }), {
    code: 8,
    err: /refused \(no-base\): .* import "base.tar.zst" \(sha256:[0-9a-f]{64}\) first/,
  })
  t.match(await to.metrics(), /holdfast_imports_total{outcome="no-base"} 1/)
  t.match(await cli(['import', base ?? ''], { env: to.env }), { code: 0 })
  t.match(await cli(['import', monday ?? ''], { env: to.env }), { code: 0 })
  t.equal((await to.ask('lab/b/manifests/v1')).status, 200)
})

t.test('pins go with a bundle to where their node is an operator', async t => {
  const dirs = t.testdir({ from: { data: {} }, all: {}, named: {}, others: {} })
  const image = makeImage()
  const key = { registry: 'reg.lab', repository: 'lab/a', tag: 'v1' }
  const opened = await openIn(t, join(dirs, 'from/data'))
  await opened.ledger.setPin(key, image, { note: 'known to work' })
  const { origin } = opened.replication
  await opened.close()
  const from = await startOffline(t, join(dirs, 'from'))
  t.teardown(() => from.close())
  const [file, bundle] = [join(dirs, 'a.tar'), join(dirs, 'pins.tar.zst')]
  await writeFile(file, archiveOf(image, 'reg.lab/lab/a:v1'))
  t.match(await cli(['import', file], { env: from.env }), { code: 0 })
  t.match(await cli(['export', '--pinned', '-o', bundle], { env: from.env }), { code: 0 })
  for (const [name, operators, isTaken] of [
    ['all', [], true],
    ['named', [origin], true],
    ['others', ['somebody-else'], false],
  ] as const) {
    const to = await startOffline(t, join(dirs, name), { mesh: { operators } })
    const ran = await cli(['import', bundle], { env: to.env })
    t.match(ran, { code: 0, err: isTaken ? '' : /lab\/a:v1 was not taken: node .* is no operator/ })
    const { items } = JSON.parse((await cli(['tags', '-o', 'json'], { env: to.env })).out)
    t.match(items, [{ reference: 'reg.lab/lab/a:v1', pinned: isTaken }])
    t.equal((await to.ask('lab/a/manifests/v1')).status, 200)
    await to.close()
  }
})

t.test('a node takes along the image that it runs from', async t => {
  const dirs = t.testdir({ told: {}, untold: {} })
  const name = 'reg.lab/holdfast/holdfast:1'
  const node = await startOffline(t, join(dirs, 'told'), { node: { image: name } })
  t.teardown(() => node.close())
  const [file, bundle] = [join(dirs, 'self.tar'), join(dirs, 'self.tar.zst')]
  const image = makeImage()
  await writeFile(file, archiveOf(image, name))
  const pack = (env: Record<string, string>) =>
    cli(['export', '--self', '-o', bundle, '--force'], { env })
  t.match(await pack(node.env), { code: 1, err: /holdfast:1 is not here/ })
  t.match(await cli(['import', file], { env: node.env }), { code: 0 })
  t.match(await pack(node.env), { code: 0, err: /1 image/ })

  const other = await startOffline(t, join(dirs, 'untold'))
  t.teardown(() => other.close())
  t.match(await pack(other.env), { code: 8, err: /set node\.image, or name the image/ })
  t.match(await cli(['import', bundle], { env: other.env }), { code: 0 })
  const { items } = JSON.parse((await cli(['tags', '-o', 'json'], { env: other.env })).out)
  t.match(items, [{ reference: name, digest: image.digest }])
})
