import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { claimDirectory } from '../../src/adapters/sqlite/claim-directory.ts'
import { asideName } from '../../src/adapters/sqlite/durable-file.ts'
import { silentLog } from '../../src/ports/log.ts'
import { startFakeContainerd } from '../adapters/containerd/fake-containerd.ts'
import { eventually, folderOf } from '../adapters/containerd/support.ts'
import { cli } from '../cli/support.ts'
import { makeImage } from '../support/image.ts'
import { runWithMounts, skipMounting } from '../support/mount-namespace.ts'
import { startRegistry } from '../support/registry.ts'
import { startNode } from '../support/start-node.ts'

const image = makeImage({ platforms: ['linux/amd64'], layers: [1_500_000, 300], salt: 'kept' })
const name = 'registry.lab/kept:1'

/** A node beside a containerd that holds an image which has to stay, and what a person types. */
async function scene(t: Test) {
  const dir = await folderOf(t) // the path of a socket is short
  const fake = await startFakeContainerd({ socket: join(dir, 'c.sock') })
  t.teardown(() => fake.stop())
  for (const [digest, bytes] of image.blobs) await fake.put(digest, bytes)
  fake.addImage(name, image)
  const registry = await startRegistry()
  await registry.refuse()
  t.teardown(() => registry.close())
  const [dataDir, certsDir] = [join(dir, 'data'), join(dir, 'certs.d')]
  const start = async () => {
    const node = await startNode(registry, dir, {
      admin: { listen: '127.0.0.1:0', socket: join(dataDir, 'admin.sock') },
      store: { minFreeBytes: '1MiB', kind: 'both' },
      containerd: { socket: fake.socket },
      upstreams: { 'registry.lab': { url: registry.url } },
      keep: { patterns: [name] },
    })
    t.teardown(() => node.close())
    return node
  }
  const type = (...words: string[]) => {
    const containerd = ['--containerd.certs-dir', certsDir, '--containerd.socket', fake.socket]
    return cli([...words, '--data-dir', dataDir, ...containerd])
  }
  const isProtected = () =>
    eventually('it is protected', () => {
      const labels = fake.labels(name) ?? {}
      return 'io.holdfast.protected' in labels && (fake.leased()?.length ?? 0) > 0
    })
  const isLetGo = (t: Test) => {
    t.strictSame(fake.labels(name), {})
    t.strictSame(fake.leases(), [])
  }
  return { dir, dataDir, certsDir, fake, start, type, isProtected, isLetGo }
}

t.test('a machine is left as it was, by the name of each thing that is taken away', async t => {
  const { dir, dataDir, certsDir, start, type, isProtected, isLetGo } = await scene(t)
  const node = await start()
  await type('containerd', 'install', '--fallback', 'none')
  await isProtected()
  const running = await type('uninstall')
  t.match(running, { code: 6, err: /a node is running in .*data: stop it first; nothing was/ })
  t.ok(existsSync(join(certsDir, 'docker.io/hosts.toml')), 'nothing was')
  await node.close()
  // What came of a crash, of damage, and of a drop folder that nobody may write to.
  const aside = (file: string, why?: string) => asideName(file, Date.now(), why)
  const made = [
    ...[aside('node.key'), aside('node.key', 'of-another-machine'), 'node.key.new', 'ledger.db.v3'],
    ...['ledger.db-wal', `${aside('ledger.db')}-wal`, 'admin.token.00112233aabb'],
  ]
  for (const file of made) writeFileSync(join(dataDir, file), '')
  mkdirSync(join(dataDir, 'drop-errors', 'deck'), { recursive: true })
  writeFileSync(join(dataDir, 'drop-errors', 'deck', 'app.tar.error.json'), '{}')

  const { code, out } = await type('uninstall')
  t.equal(code, 0, out)
  t.match(out, /removed +\S+docker\.io\/hosts\.toml\nremoved +lease holdfast\n/)
  t.match(out, /unpinned +registry\.lab\/kept:1\nremoved +\S+data \(\d+ files, [\d.]+ \wB\)\n$/)
  isLetGo(t)
  t.strictSame(
    readdirSync(dir).filter(one => !/sock$/.test(one)),
    ['holdfast.yaml'],
  )
  const again = await type('uninstall')
  t.match(again, { code: 0, out: /^absent +\S+data\n$/ }, 'and can be run again')
})

t.test('data that is kept is that of the next node', async t => {
  const { dataDir, start, type, isProtected, isLetGo } = await scene(t)
  const node = await start()
  await isProtected()
  await node.close()
  const key = readFileSync(join(dataDir, 'node.key'), 'utf8')
  const { code, out } = await type('uninstall', '--keep-data')
  t.equal(code, 0)
  t.match(out, /kept +\S+data\n$/)
  isLetGo(t)
  const next = await start()
  await isProtected()
  await next.close()
  t.equal(readFileSync(join(dataDir, 'node.key'), 'utf8'), key)
})

t.test('a node that is just ending is waited for', async t => {
  const { dataDir, start, type } = await scene(t)
  await (await start()).close()
  const ending = claimDirectory(dataDir, silentLog)
  const askedMs = performance.now()
  t.match(await type('uninstall'), { code: 6, err: /a node is running in / })
  const tookMs = performance.now() - askedMs
  const uninstalled = type('uninstall', '--wait', '1m')
  t.equal(await Promise.race([uninstalled, wait(2 * tookMs, 'waiting')]), 'waiting')
  ending.close()
  t.match(await uninstalled, { code: 0 })
  t.notOk(existsSync(dataDir))
  t.match(await type('uninstall', '--wait', 'long'), { code: 2, err: /--wait "long" is no dur/ })
})

t.test('a directory in which no node ever ran is not touched', async t => {
  const { dataDir, type } = await scene(t)
  mkdirSync(join(dataDir, 'snapshots'), { recursive: true })
  writeFileSync(join(dataDir, 'snapshots', 'ledger-1.db'), 'mine')
  const { code, out } = await type('uninstall')
  t.match({ code, out }, { code: 0, out: /left +\S+data: not a data directory of Holdfast\n$/ })
  t.equal(readFileSync(join(dataDir, 'snapshots', 'ledger-1.db'), 'utf8'), 'mine')
})

t.test('the data of a node that starts there meanwhile is not touched', async t => {
  const { dataDir, fake, type } = await scene(t)
  const release = fake.holdNext('listImages')
  const uninstalled = type('uninstall')
  await eventually('containerd is asked', () => (fake.calls.get('listImages') ?? 0) > 0)
  mkdirSync(dataDir)
  const made = ['holdfast.lock', 'node.key']
  for (const name of made) writeFileSync(join(dataDir, name), '')
  release()
  t.match(await uninstalled, { code: 0, out: /left +\S+data: not a data directory/ })
  t.strictSame(readdirSync(dataDir), made)
})

t.test('a directory that cannot be looked into is no directory that is not there', async t => {
  const { dataDir, fake, type } = await scene(t)
  symlinkSync(dataDir, dataDir)
  t.match(await type('uninstall'), { code: 6, err: /ELOOP/ })
  t.equal(fake.calls.get('listImages'), undefined, 'nothing was taken away')
})

t.test('what others put beside the data stays', async t => {
  const { dataDir, start, type } = await scene(t)
  await (await start()).close()
  const theirs = ['holdfast.tar.zst', 'ledger.db.bak', 'node.key.of-old']
  for (const name of theirs) writeFileSync(join(dataDir, name), 'theirs')
  const { out } = await type('uninstall')
  for (const name of theirs) t.match(out, new RegExp(`left +\\S+/${name}: not made by Holdfast\n`))
  t.strictSame(readdirSync(dataDir), theirs)
})

t.test('while a file of containerd is refused nothing else is taken away', async t => {
  const { dataDir, certsDir, start, type } = await scene(t)
  await (await start()).close()
  await type('containerd', 'install', '--fallback', 'none')
  const file = join(certsDir, 'docker.io/hosts.toml')
  writeFileSync(file, `${readFileSync(file, 'utf8')}#\n`)
  const refused = await type('uninstall')
  t.match(refused, { code: 6, out: /refused.*\nnot yet +all else: mend that, and run it again\n$/ })
  t.ok(existsSync(join(dataDir, 'node.key')))
  t.match(await type('uninstall', '--force'), { code: 0 })
  t.notOk(existsSync(dataDir))
})

t.test('a file of upstreams that cannot be read keeps nothing from going', async t => {
  const { dir, dataDir, certsDir, start, type } = await scene(t)
  await (await start()).close()
  await type('containerd', 'install', '--fallback', 'none')
  const file = join(dir, 'registries.yaml')
  writeFileSync(file, 'mirrors:\n  docker.io: [oops\n')
  const named = ['--upstream-files', JSON.stringify([file])]
  t.match(await type('containerd', 'status', ...named), { code: 6, err: /registries\.yaml: line/ })
  t.match(await type('uninstall', ...named), { code: 0 })
  t.notOk(existsSync(dataDir) || existsSync(certsDir))
})

t.test('blobs that lie elsewhere go as well', async t => {
  const { dir, dataDir, start, type } = await scene(t)
  await (await start()).close()
  const elsewhere = join(dir, 'disk')
  mkdirSync(join(elsewhere, 'sha256'), { recursive: true })
  writeFileSync(join(elsewhere, 'holdfast.lock'), '')
  writeFileSync(join(elsewhere, 'sha256', 'b'.repeat(64)), 'bytes')
  const { code } = await type('uninstall', '--store.dir', elsewhere)
  t.equal(code, 0)
  t.notOk(existsSync(elsewhere))
  t.notOk(existsSync(dataDir))
})

t.test('on mounts', { skip: skipMounting }, async t => {
  const child = join(import.meta.dirname, 'uninstall-child.ts')
  await runWithMounts(t, child, { directory: await folderOf(t), tests: 2 })
})
