import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { type InstallOrder, installHosts } from '../../../src/adapters/containerd-setup/install.ts'
import {
  type JournalEntry,
  readJournal,
  withEntry,
  writeJournal,
} from '../../../src/adapters/containerd-setup/journal.ts'
import { leaveAlone } from '../../../src/adapters/containerd-setup/leave-alone.ts'
import { bindFile, whyUnseen, withoutMount } from '../../../src/adapters/containerd-setup/mounts.ts'
import { sha256 } from '../../../src/adapters/containerd-setup/registry-directory.ts'
import {
  noteWhyAlone,
  putBehind,
  readMayStand,
  takeAway,
} from '../../../src/adapters/containerd-setup/stand-behind.ts'
import { readStatus } from '../../../src/adapters/containerd-setup/status.ts'
import { uninstallHosts } from '../../../src/adapters/containerd-setup/uninstall.ts'
import { writeWhole } from '../../../src/adapters/containerd-setup/whole-file.ts'
import { pictureOf } from './picture.ts'

// Run by mounts.test.ts, which gives it a directory and a mount namespace of its own.
const [, , directory = ''] = process.argv
const alone = 'server = "http://127.0.0.1:5050"'
const behind = 'server = "https://docker.io"'

function order(certsDir: string, more: Partial<InstallOrder> = {}): InstallOrder {
  return {
    certsDir,
    registries: ['docker.io', '_default'].map(name => ({ name, url: `https://${name}` })),
    mirror: { url: 'http://127.0.0.1:5050', targets: [], token: undefined },
    fallback: 'auto',
    prepend: false,
    force: false,
    ...more,
  }
}

/** A directory with a file of somebody. */
async function furnished(name: string): Promise<string> {
  const certsDir = join(directory, name)
  await mkdir(join(certsDir, 'docker.io'), { recursive: true })
  await writeFile(join(certsDir, 'docker.io/hosts.toml'), '# mine\n[host."https://a.example"]\n')
  return certsDir
}

const read = (certsDir: string) => readFileSync(join(certsDir, 'docker.io/hosts.toml'), 'utf8')
const isMounted = (certsDir: string) =>
  readFileSync('/proc/self/mountinfo', 'utf8').includes(`${certsDir}/docker.io/hosts.toml `)

async function stand(certsDir: string): Promise<void> {
  for (const one of await readMayStand(certsDir, [])) await putBehind(one)
}

t.test('a registry comes and goes, and what is on the disk stays', async t => {
  const certsDir = await furnished('certs')
  const before = pictureOf(certsDir)
  await installHosts(order(certsDir, { prepend: true }))
  t.match(await readMayStand(certsDir, []), [{ registry: 'docker.io', stands: false }])
  t.match(read(certsDir), alone)
  t.match(await readStatus(certsDir, []), [
    { fallback: 'auto', behind: 'none' },
    { behind: 'none' },
  ])

  await stand(certsDir)
  t.match(await readMayStand(certsDir, []), [{ stands: true }])
  t.match(await readStatus(certsDir, []), [
    { owner: 'holdfast', behind: 'upstream', asks: ['http://127.0.0.1:5050', 'https://a.example'] },
    { registry: '_default', behind: 'none' },
  ])
  const [one] = await readMayStand(certsDir, [])
  t.ok(one)
  if (one !== undefined) await takeAway(one)
  t.match(read(certsDir), alone)
  t.notOk(isMounted(certsDir))

  await noteWhyAlone(certsDir, 'not shared')
  t.match(await readStatus(certsDir, []), [{ whyAlone: 'not shared' }, {}])
  await noteWhyAlone(certsDir, undefined)
  await stand(certsDir)
  await uninstallHosts({ certsDir, force: false })
  t.equal(pictureOf(certsDir), before)
  t.notOk(isMounted(certsDir), 'uninstall takes the mount with it')
})

t.test('install replaces what is mounted over', async t => {
  const certsDir = await furnished('again')
  await installHosts(order(certsDir))
  await stand(certsDir)
  t.match(read(certsDir), behind)
  const url = 'http://127.0.0.1:5055'
  const outcomes = await installHosts(
    order(certsDir, { mirror: { url, targets: [], token: undefined } }),
  )
  t.match(outcomes, [{ outcome: 'written' }, { outcome: 'written' }])
  t.match(read(certsDir), `server = "${url}"`)
  await stand(certsDir)
  t.match(read(certsDir), `[host."${url}"]`, 'with the registry behind the new mirror')
  await installHosts(order(certsDir, { fallback: 'none' }))
  t.notOk(isMounted(certsDir))
  t.strictSame(await readMayStand(certsDir, []), [])

  await installHosts(order(certsDir))
  await stand(certsDir)
  await installHosts(order(certsDir, { fallback: 'upstream' }))
  t.notOk(isMounted(certsDir))
  t.match(read(certsDir), behind, 'what was mounted before is on the disk now')
  await uninstallHosts({ certsDir, force: false })
})

t.test('the mirror is left alone, also by a node that goes on with auto', async t => {
  const certsDir = await furnished('left-alone')
  await installHosts(order(certsDir))
  await stand(certsDir)
  const known = await readMayStand(certsDir, [])
  t.match(await leaveAlone(certsDir), [{ registry: 'docker.io' }])
  t.match(read(certsDir), alone)
  await t.rejects(Promise.all(known.map(putBehind)), 'as it does that looked a moment before')
  t.notOk(isMounted(certsDir))
  t.strictSame(await readMayStand(certsDir, []), [])
  t.match(await readStatus(certsDir, []), [{}, { registry: 'docker.io', fallback: 'none' }])
  t.strictSame(await leaveAlone(certsDir), [])
  await installHosts(order(certsDir))
  await stand(certsDir)
  t.match(read(certsDir), behind, 'until install runs again')
  await rm(join(certsDir, '.holdfast/journal.json'))
  t.match(
    await leaveAlone(certsDir),
    [{ registry: 'docker.io' }],
    'what no journal knows goes, too',
  )
  t.notOk(isMounted(certsDir))
})

t.test('what must not stand is told, to be taken away', async t => {
  const certsDir = await furnished('strays')
  await installHosts(order(certsDir))
  await stand(certsDir)
  t.match(await readMayStand(certsDir, ['docker.io']), [{ stands: true, terms: undefined }])
  // As K3s did before September 2024: all goes but what is mounted.
  execFileSync('sh', ['-c', `rm -rf '${certsDir}' 2>&1 || true`])
  t.match(read(certsDir), behind)
  const [stray] = await readMayStand(certsDir, [])
  t.match(stray, { registry: 'docker.io', stands: true, terms: undefined })
  if (stray !== undefined) await takeAway(stray)
  t.match(read(certsDir), alone)
  t.strictSame(await readMayStand(certsDir, []), [])
})

for (const [where, target] of Object.entries({ beside: 'shared', elsewhere: '../elsewhere' })) {
  t.test(`a registry's directory may be a link, ${where}`, async t => {
    const certsDir = join(directory, `links-${where}/certs.d`)
    await mkdir(certsDir, { recursive: true })
    await mkdir(join(certsDir, target))
    await symlink(target, join(certsDir, 'docker.io'))
    await writeFile(join(certsDir, 'README'), 'no directory of a registry\n')
    const before = pictureOf(certsDir)
    await installHosts(order(certsDir))
    await stand(certsDir)
    t.match(read(certsDir), behind)
    const standing = await readMayStand(certsDir, [])
    t.match(standing, [{ registry: 'docker.io', stands: true, terms: {} }])
    for (const one of standing) await takeAway(one)
    t.match(read(certsDir), alone)
    t.match(await readMayStand(certsDir, []), [{ stands: false }])
    await stand(certsDir)
    await uninstallHosts({ certsDir, force: false })
    t.equal(pictureOf(certsDir), before)

    await installHosts(order(certsDir))
    await stand(certsDir)
    await rm(join(certsDir, '.holdfast/journal.json'))
    const strays = await readMayStand(certsDir, [])
    t.match(strays, [{ stands: true, terms: undefined }], 'what no journal knows is found, once')
    for (const one of strays) await takeAway(one)
    t.match(read(certsDir), alone)
  })
}

t.test('two registries with one file have nobody behind', async t => {
  const certsDir = join(directory, 'one-file')
  await mkdir(join(certsDir, 'docker.io'), { recursive: true })
  await symlink('docker.io', join(certsDir, 'ghcr.io'))
  const registries = ['docker.io', 'ghcr.io'].map(name => ({ name, url: `https://${name}` }))
  await installHosts(order(certsDir, { registries }))
  t.match(await readMayStand(certsDir, []), [{ stands: false, terms: undefined }])
})

t.test('while install is at work nobody may stand there', async t => {
  const certsDir = await furnished('at-work')
  await installHosts(order(certsDir))
  await stand(certsDir)
  const journal = await readJournal(certsDir)
  const entry = journal.entries['docker.io'] as JournalEntry
  const written = [...entry.written, sha256('new')]
  await writeJournal(certsDir, withEntry(journal, 'docker.io', { ...entry, written }))
  t.match(await readMayStand(certsDir, []), [{ stands: true, terms: undefined }])
  await uninstallHosts({ certsDir, force: false })
})

t.test('a mount that comes in between is taken away again', async t => {
  const certsDir = await furnished('race')
  await installHosts(order(certsDir))
  const path = join(certsDir, 'docker.io/hosts.toml')
  let tries = 0
  await withoutMount(path, async () => {
    tries += 1
    if (tries === 1) await stand(certsDir)
    await writeWhole(path, 'new\n', 0o644)
  })
  t.equal(tries, 2, 'the first failed')
  t.equal(read(certsDir), 'new\n')
})

t.test('a mount that stays is told with what to do', async t => {
  const certsDir = await furnished('stays')
  await installHosts(order(certsDir))
  const path = join(certsDir, 'docker.io/hosts.toml')
  const mounting = withoutMount(path, async () => {
    await stand(certsDir)
    await writeWhole(path, 'new\n', 0o644)
  })
  await t.rejects(mounting, { code: 'config-invalid', message: /stays mounted.*Nothing is lost/ })
  await uninstallHosts({ certsDir, force: false })
  t.match(read(certsDir), '# mine')
})

t.test('what others changed below a mount is not lost', async t => {
  const certsDir = await furnished('below')
  await installHosts(order(certsDir))
  await stand(certsDir)
  const below = join(directory, 'seen-below')
  await mkdir(below)
  execFileSync('mount', ['--bind', certsDir, below])
  t.match(read(below), alone, 'the disk, without what is mounted over it')
  const text = '# by hand\n[host."https://d.example"]\n'
  await writeFile(join(below, 'docker.io/hosts.toml'), text)
  t.match(await uninstallHosts({ certsDir, force: false }), [{ outcome: 'refused' }, {}])
  t.equal(read(certsDir), text)
})

t.test('what is mounted twice, and once out of reach, is taken away where it can be', async t => {
  const certsDir = await furnished('above/certs.d')
  await installHosts(order(certsDir))
  await stand(certsDir)
  // As a container is made that has the directory above, and certs.d once more.
  const [above, once] = [join(directory, 'above'), join(directory, 'once')]
  await mkdir(once)
  execFileSync('mount', ['--rbind', certsDir, once])
  execFileSync('mount', ['--rbind', above, above])
  execFileSync('mount', ['--rbind', once, certsDir])
  const [one] = await readMayStand(certsDir, [])
  t.match(one, { stands: true })
  if (one !== undefined) await takeAway(one)
  t.match(read(certsDir), alone)
  t.ok(isMounted(certsDir), 'what is covered is there')
  t.match(await readMayStand(certsDir, []), [{ stands: false }], 'and does not count')
  await stand(certsDir)
  t.match(read(certsDir), behind)
})

t.test('who may not take it away is told which value lets it', async t => {
  const certsDir = await furnished('confined')
  await installHosts(order(certsDir))
  await stand(certsDir)
  const module = join(import.meta.dirname, '../../../src/adapters/containerd-setup/mounts.ts')
  const program = `
    import { unbind } from '${module}'
    await unbind('${certsDir}/docker.io/hosts.toml').catch(error => console.log(error.message))`
  const node = [process.execPath, '--input-type=module-typescript', '-e', program]
  const confined = ['--bounding-set=-all', '--inh-caps=-all', ...node]
  const said = execFileSync('setpriv', confined, { encoding: 'utf8' })
  t.match(said, /^umount: .*superuser.*--set leavingAuto=true/)
  t.ok(isMounted(certsDir))
})

t.test('a disk that is full keeps nothing from being taken back', async t => {
  const certsDir = join(directory, 'full')
  await mkdir(certsDir)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', certsDir])
  await furnished('full')
  const before = pictureOf(certsDir)
  // So many that what is written down of them takes more than one of them gives back.
  const names = ['docker.io', ...Array.from({ length: 30 }, (_, index) => `r${index}.example`)]
  const registries = names.map(name => ({ name, url: `https://${name}` }))
  await installHosts(order(certsDir, { registries, fallback: 'none' }))
  const filler = join(certsDir, 'filler')
  execFileSync('sh', ['-c', `cat /dev/zero >'${filler}' 2>/dev/null || true`])
  await t.rejects(writeFile(join(certsDir, 'more'), 'x'), { code: 'ENOSPC' })
  await rm(join(certsDir, 'more'), { force: true })
  const back = await uninstallHosts({ certsDir, force: false })
  t.match(back, [{ outcome: 'restored' }, ...Array(30).fill({ outcome: 'removed' })])
  await rm(filler)
  t.equal(pictureOf(certsDir), before)
})

t.test('directories that are mounted by now, or on a read-only disk, stay', async t => {
  for (const [name, options] of [
    ['mounted', []],
    ['sealed', ['-o', 'remount,bind,ro']],
  ] as const) {
    const above = join(directory, name)
    const certsDir = join(above, 'certs.d')
    await mkdir(above)
    await installHosts(order(certsDir))
    execFileSync('mount', ['--bind', above, above])
    execFileSync('mount', ['--bind', certsDir, certsDir])
    if (options.length > 0) execFileSync('mount', [...options, above])
    const back = await uninstallHosts({ certsDir, force: false })
    t.match(back, [{ outcome: 'removed' }, { outcome: 'removed' }], name)
    t.strictSame(readdirSync(certsDir), [])
  }
})

t.test('what others changed or mounted is left alone', async t => {
  const certsDir = await furnished('others')
  await installHosts(order(certsDir))
  await writeFile(join(certsDir, 'docker.io/hosts.toml'), '[host."https://b.example"]\n')
  const [one] = await readMayStand(certsDir, [])
  t.equal(one && (await putBehind(one)), false)
  await uninstallHosts({ certsDir, force: true })
  const source = join(directory, 'theirs.toml')
  await writeFile(source, '[host."https://c.example"]\n')
  await bindFile(source, join(certsDir, 'docker.io/hosts.toml'))
  await t.rejects(installHosts(order(certsDir)))
  t.match(read(certsDir), 'c.example')
  t.ok(isMounted(certsDir))
})

/** Lets a registry stand in a namespace below this one, and tells why containerd here would not see that. */
function within(propagation: string, certsDir: string, first = ':'): string {
  const module = join(import.meta.dirname, '../../../src/adapters/containerd-setup')
  const program = `
    import { whyUnseen } from '${module}/mounts.ts'
    import { putBehind, readMayStand } from '${module}/stand-behind.ts'
    console.log((await whyUnseen('${certsDir}')) ?? 'seen')
    for (const one of await readMayStand('${certsDir}', [])) await putBehind(one)`
  const node = [process.execPath, '--input-type=module-typescript', '-e', program]
  const shell = ['sh', '-c', `${first} && exec "$@"`, 'sh', ...node]
  const args = ['-m', '--propagation', propagation, ...shell]
  return execFileSync('unshare', args, { encoding: 'utf8' })
}

t.test('only mounts that reach containerd count', async t => {
  const certsDir = await furnished('shared')
  t.match(await whyUnseen(certsDir), /Bidirectional/, 'nobody else is in this namespace')
  t.match(await whyUnseen(join(directory, 'nowhere')), /there is no/)
  execFileSync('mount', ['--bind', certsDir, certsDir])
  execFileSync('mount', ['--make-shared', certsDir])
  t.equal(await whyUnseen(certsDir), undefined)
  await installHosts(order(certsDir))
  t.match(within('slave', certsDir), /Bidirectional/)
  const onlyBelow = `mount --make-shared '${certsDir}'`
  t.match(within('slave', certsDir, onlyBelow), /Bidirectional/, 'nor shared with others there')
  t.match(read(certsDir), alone, 'as a mount made there is not seen here')
  t.equal(within('unchanged', certsDir), 'seen\n')
  t.match(read(certsDir), behind, 'and one that is shared both ways is, whoever made it')
  await uninstallHosts({ certsDir, force: false })
  t.match(read(certsDir), '# mine')
})
