import { writeFileSync } from 'node:fs'
import { link, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { installHosts } from '../../../src/adapters/containerd-setup/install.ts'
import { uninstallHosts } from '../../../src/adapters/containerd-setup/uninstall.ts'
import { furnished, order, text } from './hosts-scene.ts'
import { pictureOf } from './picture.ts'

t.test('directories that had to be made go again, and no others', async t => {
  const root = t.testdir({})
  const certsDir = join(root, 'etc/containerd/certs.d')
  await installHosts(order(certsDir))
  await installHosts(order(certsDir, { fallback: 'upstream' }))
  await uninstallHosts({ certsDir, force: false })
  t.notMatch(pictureOf(root), 'etc')
  await mkdir(join(root, 'etc'))
  await installHosts(order(certsDir))
  await writeFile(join(root, 'etc/containerd/config.toml'), '')
  await uninstallHosts({ certsDir, force: false })
  t.match(pictureOf(root), './etc/containerd/config.toml')
  t.notMatch(pictureOf(root), 'certs.d')
})

t.test('an uninstall that fails half-way leaves alone afterwards what it is done with', async t => {
  const certsDir = furnished(t)
  await installHosts(order(certsDir))
  const backup = join(certsDir, '.holdfast/before/registry.lab_5000_/hosts.toml')
  await rename(backup, join(certsDir, 'aside'))
  await t.rejects(uninstallHosts({ certsDir, force: false }), { code: 'ENOENT' })
  await rename(join(certsDir, 'aside'), backup)
  await mkdir(join(certsDir, 'ghcr.io'))
  writeFileSync(join(certsDir, 'ghcr.io/hosts.toml'), '[host."https://new.example"]\n')
  const back = await uninstallHosts({ certsDir, force: true })
  t.match(
    back.map(({ registry }) => registry),
    ['registry.lab:5000', '_default'],
  )
  t.match(text(certsDir, 'ghcr.io'), 'new.example', 'somebody wrote it since')
})

t.test('of what is uninstalled no copy stays, which may hold a token', async t => {
  const certsDir = furnished(t)
  await installHosts(order(certsDir, { fallback: 'auto' }))
  writeFileSync(join(certsDir, 'docker.io/hosts.toml'), '[host."https://new.example"]\n')
  t.match(await uninstallHosts({ certsDir, force: false }), [{ outcome: 'refused' }, {}, {}, {}])
  const copies = pictureOf(join(certsDir, '.holdfast/upstream'))
  t.match(copies, './docker.io/hosts.toml', 'of that which --force would take back')
  t.notMatch(copies, './ghcr.io/hosts.toml')
})

/** States between the steps of install and uninstall, made from the last one. */
const cuts: Readonly<Record<string, (file: string, backup: string) => Promise<void>>> = {
  'after the journal, before the backup': (file, backup) => rename(backup, file),
  'after the backup, before the file': async (file, backup) => {
    await rm(file)
    await link(backup, file)
  },
  'while the file was written': async (file, backup) => {
    await rm(file)
    await link(backup, file)
    await writeFile(join(dirname(file), '.holdfast-012345.new'), 'hal')
  },
  'after the file': async () => {},
}

for (const [name, cut] of Object.entries(cuts)) {
  t.test(`cut short ${name}, everything can be taken back, and installed again`, async t => {
    for (const again of [false, true]) {
      const certsDir = furnished(t)
      const before = pictureOf(certsDir)
      await installHosts(order(certsDir))
      const backup = join(certsDir, '.holdfast/before/docker.io/hosts.toml')
      await cut(join(certsDir, 'docker.io/hosts.toml'), backup)
      if (again) {
        await installHosts(order(certsDir))
        t.match(text(certsDir, 'docker.io'), '127.0.0.1:5050')
      }
      await uninstallHosts({ certsDir, force: false })
      t.equal(pictureOf(certsDir), before, again ? 'after another install' : 'at once')
    }
  })
}

t.test('one that was cut short leaves no copy, also while another is refused', async t => {
  const certsDir = furnished(t)
  await installHosts(order(certsDir, { fallback: 'auto' }))
  const [file, other] = ['docker.io', 'ghcr.io'].map(name => join(certsDir, name, 'hosts.toml'))
  await rename(join(certsDir, '.holdfast/before/docker.io/hosts.toml'), file ?? '')
  await writeFile(other ?? '', `${text(certsDir, 'ghcr.io')}# mine\n`)
  const back = await uninstallHosts({ certsDir, force: false })
  t.match(back, [{ outcome: 'restored' }, { outcome: 'refused' }, {}, {}])
  const copies = join(certsDir, '.holdfast/upstream')
  t.throws(() => text(copies, 'docker.io'), { code: 'ENOENT' })
  t.match(text(copies, 'ghcr.io'), 'server', 'it is needed for what was refused')
})

t.test('what an install that was cut short kept is not what the next one brings back', async t => {
  const certsDir = furnished(t)
  await installHosts(order(certsDir, { fallback: 'auto' }))
  const [file, other] = ['docker.io', 'ghcr.io'].map(name =>
    join(certsDir, name, 'hosts.toml'),
  ) as [string, string]
  await rm(file)
  await link(join(certsDir, '.holdfast/before/docker.io/hosts.toml'), file)
  await writeFile(join(certsDir, '.holdfast/upstream/docker.io/.holdfast-012345.new'), 'token')
  await writeFile(other, `${text(certsDir, 'ghcr.io')}# mine\n`)
  const back = await uninstallHosts({ certsDir, force: false })
  t.match(back, [{ outcome: 'restored' }, { outcome: 'refused' }, {}, {}])
  t.notMatch(pictureOf(join(certsDir, '.holdfast')), 'docker.io/')

  // As others replace a file.
  await writeFile(`${file}.new`, '[host."https://new.example"]\n')
  await rename(`${file}.new`, file)
  await installHosts(order(certsDir, { force: true }))
  await uninstallHosts({ certsDir, force: false })
  t.match(text(certsDir, 'docker.io'), 'new.example')
})

t.test('what is gone from its place meanwhile is not missed', async t => {
  const certsDir = furnished(t)
  await installHosts(order(certsDir))
  const file = join(certsDir, 'docker.io/hosts.toml')
  // An uninstall that was cut short brought it back, and somebody removed it.
  await rm(join(certsDir, '.holdfast/before/docker.io/hosts.toml'))
  await rm(file)
  await installHosts(order(certsDir))
  t.match(await uninstallHosts({ certsDir, force: false }), [{ outcome: 'removed' }, {}, {}, {}])
  t.notMatch(pictureOf(certsDir), './docker.io/hosts.toml')
})

t.test('a directory that was there without a file stays', async t => {
  const certsDir = furnished(t)
  await mkdir(join(certsDir, 'ghcr.io'))
  const before = pictureOf(certsDir)
  await installHosts(order(certsDir))
  await installHosts(order(certsDir, { fallback: 'upstream' }))
  await uninstallHosts({ certsDir, force: false })
  t.equal(pictureOf(certsDir), before)
})
