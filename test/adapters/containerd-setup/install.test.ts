import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { type InstallOrder, installHosts } from '../../../src/adapters/containerd-setup/install.ts'
import { readStatus } from '../../../src/adapters/containerd-setup/status.ts'
import { uninstallHosts } from '../../../src/adapters/containerd-setup/uninstall.ts'
import { furnished, names, order, text } from './hosts-scene.ts'
import { pictureOf } from './picture.ts'

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
