import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { link, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { type InstallOrder, installHosts } from '../../../src/adapters/containerd-setup/install.ts'
import { readStatus } from '../../../src/adapters/containerd-setup/status.ts'
import { uninstallHosts } from '../../../src/adapters/containerd-setup/uninstall.ts'
import { pictureOf } from './picture.ts'

const names = ['docker.io', 'ghcr.io', 'registry.lab:5000', '_default']

function order(certsDir: string, more: Partial<InstallOrder> = {}): InstallOrder {
  return {
    certsDir,
    registries: names.map(name => ({ name, url: `https://${name}` })),
    mirror: { url: 'http://127.0.0.1:5050', targets: [], token: undefined },
    fallback: 'none',
    prepend: false,
    force: false,
    ...more,
  }
}

function furnished(t: Test): string {
  const root = t.testdir({
    'certs.d': {
      'docker.io': {
        'hosts.toml': '# mine\nserver = "https://registry-1.docker.io"\n[host]\n',
        'ca.pem': 'x',
      },
      'registry.lab_5000_': { 'hosts.toml': '[host."https://a.example"]\n' },
      'quay.io': { 'hosts.toml': 'not toml\n' },
    },
  })
  const certsDir = join(root, 'certs.d')
  chmodSync(join(certsDir, 'docker.io/hosts.toml'), 0o640)
  utimesSync(join(certsDir, 'docker.io/hosts.toml'), 1_000_000, 1_000_000)
  return certsDir
}

const text = (certsDir: string, directory: string): string =>
  readFileSync(join(certsDir, directory, 'hosts.toml'), 'utf8')

t.test('what is no file is refused by its name, and told by status', async t => {
  const certsDir = join(t.testdir({ 'certs.d': { 'docker.io': { 'hosts.toml': {} } } }), 'certs.d')
  await mkdir(join(certsDir, 'ghcr.io'))
  await symlink('hosts.toml', join(certsDir, 'ghcr.io/hosts.toml'))
  const before = pictureOf(certsDir)
  const [directory, loop] = await installHosts(order(certsDir, { force: true }))
  t.match(directory, { outcome: 'refused', reason: /it is a directory/, path: /docker\.io/ })
  t.match(loop, { outcome: 'refused', reason: /its links have no end/ })
  t.match(await readStatus(certsDir, names), [
    { owner: 'other', problem: 'it is a directory' },
    { owner: 'other', problem: 'its links have no end' },
  ])
  t.equal(pictureOf(certsDir), before)
})

t.test(
  'install, again, with another fallback, and uninstall leave everything as it was',
  async t => {
    const certsDir = furnished(t)
    const before = pictureOf(certsDir)
    const outcomes = async (more?: Partial<InstallOrder>) =>
      (await installHosts(order(certsDir, more))).map(({ outcome }) => outcome)
    t.strictSame(await outcomes(), ['replaced', 'written', 'replaced', 'written'])
    t.match(
      text(certsDir, 'registry.lab_5000_'),
      'server = "http://127.0.0.1:5050"',
      'the directory that containerd reads',
    )
    const installed = pictureOf(certsDir)
    t.strictSame(await outcomes(), ['unchanged', 'unchanged', 'unchanged', 'unchanged'])
    t.equal(
      pictureOf(certsDir).replaceAll(/.*journal.*/g, ''),
      installed.replaceAll(/.*journal.*/g, ''),
    )
    t.strictSame(await outcomes({ fallback: 'upstream' }), [
      'written',
      'written',
      'written',
      'written',
    ])
    t.match(text(certsDir, 'ghcr.io'), 'server = "https://ghcr.io"')
    const back = await uninstallHosts({ certsDir, force: false })
    t.strictSame(
      back.map(({ outcome }) => outcome),
      ['restored', 'removed', 'restored', 'removed'],
    )
    t.equal(pictureOf(certsDir), before)
    t.strictSame(
      await uninstallHosts({ certsDir, force: false }),
      [],
      'a second time there is nothing to do',
    )
  },
)

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

t.test('hosts that were there before are kept as often as it is asked for', async t => {
  const certsDir = furnished(t)
  const kept = { prepend: true, fallback: 'upstream' } as const
  await installHosts(order(certsDir, kept))
  const first = text(certsDir, 'registry.lab_5000_')
  t.match(first, /127\.0\.0\.1:5050.*a\.example/s)
  const again = await installHosts(order(certsDir, kept))
  t.match(again[2], { outcome: 'unchanged' })
  t.equal(text(certsDir, 'registry.lab_5000_'), first)
  await installHosts(order(certsDir))
  t.notMatch(text(certsDir, 'registry.lab_5000_'), 'a.example', 'and no longer')
})

t.test('with auto the mirror is alone in what containerd reads', async t => {
  const certsDir = furnished(t)
  await installHosts(order(certsDir, { fallback: 'auto' }))
  t.match(text(certsDir, 'ghcr.io'), 'server = "http://127.0.0.1:5050"')
  const behind = (directory: string) => text(join(certsDir, '.holdfast/upstream'), directory)
  t.match(behind('ghcr.io'), 'server = "https://ghcr.io"')
  t.throws(() => behind('_default'), { code: 'ENOENT' }, 'of all registries nobody can tell')
  await installHosts(order(certsDir, { fallback: 'none' }))
  t.throws(() => behind('ghcr.io'), { code: 'ENOENT' })
})

t.test('a link is kept as a link', async t => {
  const root = t.testdir({ 'real.toml': '[host]\n', 'certs.d': { 'ghcr.io': {} } })
  const certsDir = join(root, 'certs.d')
  await symlink('../../real.toml', join(certsDir, 'ghcr.io/hosts.toml'))
  const before = pictureOf(root)
  await installHosts(order(certsDir))
  t.equal(readFileSync(join(root, 'real.toml'), 'utf8'), '[host]\n')
  await uninstallHosts({ certsDir, force: false })
  t.equal(pictureOf(root), before)
})

t.test('what is not understood is refused, and then nothing is written', async t => {
  const certsDir = furnished(t)
  const before = pictureOf(certsDir)
  const registries = [...names, 'quay.io'].map(name => ({ name, url: undefined }))
  const refused = await installHosts(order(certsDir, { registries }))
  t.match(refused.at(-1), { outcome: 'refused', reason: /not understood.*--force/ })
  t.equal(pictureOf(certsDir), before)
  const forced = await installHosts(order(certsDir, { registries, force: true }))
  t.equal(forced.at(-1)?.outcome, 'replaced')
  await uninstallHosts({ certsDir, force: false })
  t.equal(pictureOf(certsDir), before)
})

t.test(
  'certificates that containerd would not read any more, and files of K3s, are refused',
  async t => {
    const certsDir = t.testdir({
      'docker.io': { 'ca.crt': 'x' },
      'ghcr.io': { 'hosts.toml': '# File generated by k3s. DO NOT EDIT.\n[host]\n' },
    })
    const refused = await installHosts(order(certsDir))
    t.match(refused[0], { outcome: 'refused', reason: /ca\.crt/ })
    t.match(refused[1], { outcome: 'refused', reason: /registries\.yaml/ })
    t.equal(refused[2]?.outcome, 'unchanged')
  },
)

t.test('what was changed since is given up only when forced', async t => {
  const certsDir = furnished(t)
  const before = pictureOf(certsDir)
  await installHosts(order(certsDir))
  const path = join(certsDir, 'docker.io/hosts.toml')
  const edited = `${text(certsDir, 'docker.io')}# and more\n`
  writeFileSync(path, edited)
  t.match((await installHosts(order(certsDir)))[0], { outcome: 'refused', reason: /changed/ })
  const back = await uninstallHosts({ certsDir, force: false })
  t.match(back[0], { outcome: 'refused', reason: /--force/ })
  t.equal(text(certsDir, 'docker.io'), edited)
  t.match(await readStatus(certsDir, []), [{ registry: 'docker.io', owner: 'edited' }])
  t.match(await uninstallHosts({ certsDir, force: true }), [{ outcome: 'restored' }])
  t.equal(pictureOf(certsDir), before)
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

t.test('a file that took the place of ours is not lost', async t => {
  const certsDir = furnished(t)
  await installHosts(order(certsDir))
  writeFileSync(join(certsDir, 'docker.io/hosts.toml'), '[host."https://new.example"]\n')
  writeFileSync(join(certsDir, 'ghcr.io/hosts.toml'), '[host."https://new.example"]\n')
  t.match(await installHosts(order(certsDir)), [{ outcome: 'refused' }, { outcome: 'unchanged' }])
  const back = await uninstallHosts({ certsDir, force: false })
  t.match(back, [{ outcome: 'refused' }, { outcome: 'left' }, {}, {}])
  t.match(text(certsDir, 'ghcr.io'), 'new.example')
})

t.test('files of ours whose journal was lost are ours still', async t => {
  const certsDir = t.testdir({})
  await installHosts(order(certsDir))
  await rm(join(certsDir, '.holdfast'), { recursive: true })
  for (const { outcome } of await installHosts(order(certsDir))) t.equal(outcome, 'unchanged')
  await uninstallHosts({ certsDir, force: false })
  t.notMatch(pictureOf(certsDir), 'hosts.toml')
})

t.test('a file in the place of a directory is no file of a registry', async t => {
  const certsDir = join(t.testdir({ 'certs.d': { 'docker.io': 'mine' } }), 'certs.d')
  const file = join(certsDir, 'docker.io')
  t.match(await readStatus(certsDir, ['docker.io']), [{ owner: 'nobody' }])
  t.strictSame(await uninstallHosts({ certsDir: file, force: false }), [])
  t.match(await readStatus(file, ['ghcr.io']), [{ owner: 'nobody' }])
  t.equal(readFileSync(file, 'utf8'), 'mine')
})

t.test('status tells whom containerd asks', async t => {
  const certsDir = furnished(t)
  await installHosts(
    order(certsDir, {
      fallback: 'upstream',
      registries: [{ name: 'ghcr.io', url: 'https://ghcr.io' }],
    }),
  )
  const states = await readStatus(certsDir, ['docker.io', 'quay.io', 'ghcr.io', 'gcr.io'])
  t.match(states, [
    { registry: 'docker.io', owner: 'other', asks: ['https://registry-1.docker.io'] },
    { registry: 'quay.io', owner: 'other', problem: /TOML/, asks: [] },
    {
      registry: 'ghcr.io',
      owner: 'holdfast',
      fallback: 'upstream',
      asks: ['http://127.0.0.1:5050', 'https://ghcr.io'],
    },
    { registry: 'gcr.io', owner: 'nobody', asks: [] },
  ])
})

t.test('what is about to be done is written down first', async t => {
  const certsDir = furnished(t)
  await symlink('nowhere', join(certsDir, 'ghcr.io')) // no directory can be made there
  const before = pictureOf(certsDir)
  await t.rejects(installHosts(order(certsDir)), { code: 'EEXIST' })
  const back = await uninstallHosts({ certsDir, force: false })
  t.match(back, [
    { registry: 'docker.io', outcome: 'restored' },
    { registry: 'ghcr.io', outcome: 'removed' },
  ])
  t.equal(pictureOf(certsDir), before)
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

t.test('one that fails between what is written down and the file leaves the file ours', async t => {
  const certsDir = furnished(t)
  const before = pictureOf(certsDir)
  await installHosts(order(certsDir))
  const first = text(certsDir, 'docker.io')
  writeFileSync(join(certsDir, '.holdfast/upstream'), 'in the way')
  const next = { url: 'http://127.0.0.1:6050', targets: [], token: undefined }
  await t.rejects(installHosts(order(certsDir, { mirror: next, fallback: 'auto' })))
  t.equal(text(certsDir, 'docker.io'), first)
  t.match(await readStatus(certsDir, ['docker.io']), [{ owner: 'holdfast' }])
  await rm(join(certsDir, '.holdfast/upstream'))
  await uninstallHosts({ certsDir, force: false })
  t.equal(pictureOf(certsDir), before)
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

t.test('a file that holds the token is for root alone', async t => {
  const certsDir = furnished(t)
  const mirror = { url: 'http://127.0.0.1:5050', targets: [], token: 'secret' }
  const modesOf = async (isOffLoopback: boolean) => {
    await installHosts(order(certsDir, { mirror: { ...mirror, isOffLoopback }, fallback: 'auto' }))
    t.equal(text(certsDir, 'ghcr.io').includes('secret'), isOffLoopback)
    const copies = join(certsDir, '.holdfast/upstream')
    return [certsDir, copies].map(dir => statSync(join(dir, 'ghcr.io/hosts.toml')).mode & 0o777)
  }
  t.strictSame(await modesOf(false), [0o644, 0o644])
  t.strictSame(await modesOf(true), [0o600, 0o600])
})
