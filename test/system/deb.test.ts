import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { buildDeb } from './support/built-deb.ts'
import { readBlocks } from './support/page-blocks.ts'
import { run, succeeds, until } from './support/process.ts'
import { cacheDir, requireSystem } from './support/requirements.ts'
import { type SystemdMachine, startSystemd } from './support/systemd-machine.ts'

requireSystem()

const dir = await mkdtemp(join(tmpdir(), 'holdfast-deb-'))
t.teardown(() => rm(dir, { recursive: true, force: true }))
const given = join(dir, 'machine', 'given')
await mkdir(given, { recursive: true })
const deb = await buildDeb(given, { umask: '022' })

/** Answers everything well. */
const registry = `/usr/lib/holdfast/bin/node -e 'http.createServer((_, a) => a.end()).listen(8999, "127.0.0.1")'`

t.test('another build makes the same package, whatever the mask of files', async t => {
  const sum = async (path: string) =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  t.equal(await sum(await buildDeb(join(dir, 'again'), { umask: '077' })), await sum(deb))
})

/** Starts a containerd that an earlier node made a lease in; resolves with what lists leases. */
async function containerdIn(machine: SystemdMachine): Promise<() => Promise<readonly string[]>> {
  const bin = join(cacheDir, 'bin', '2.1')
  const ctr = (...words: readonly string[]) =>
    machine.run(join(bin, 'ctr'), '--namespace', 'k8s.io', ...words)
  await machine.run('systemd-run', '--quiet', join(bin, 'containerd'))
  await until('containerd answers', () => succeeds(ctr('version')))
  await ctr('leases', 'create', '--id', 'holdfast')
  return async () => (await ctr('leases', 'ls', '--quiet')).split('\n').filter(Boolean)
}

t.test('it is installed, runs in its sandbox, and goes without a trace', async t => {
  const image = makeImage({ salt: 'deb', platforms: ['linux/amd64', 'linux/arm64'] })
  const archive = join(given, 'app.tar')
  await writeArchive(archive, 'docker.io/library/app:1', image)
  await chmod(archive, 0o644)
  const machine = await startSystemd(join(dir, 'machine'))
  t.teardown(() => machine.end())
  const sh = (script: string) => machine.run('sh', '-ec', script)
  const status = () => sh('holdfast status -o json').then(JSON.parse, () => undefined)
  const isReady = () => until('it is ready', async () => (await status())?.ready === true)
  const show = (what: string) => sh(`systemctl show --value -p ${what} holdfast`)

  await sh(`dpkg -i /run/given/${deb.split('/').at(-1)}`)
  await isReady()
  t.equal(await sh('dpkg --verify holdfast'), '', 'all that was packed is there as it was packed')
  t.match(await sh('systemctl is-enabled holdfast'), /^enabled/)
  t.match(await sh('systemctl show --value -p User holdfast'), /^holdfast\n/)
  await sh('systemd-analyze verify holdfast.service')
  const exposure = await sh('systemd-analyze security --no-pager holdfast')
  const level = Number(/Overall exposure level for holdfast.service: ([\d.]+)/.exec(exposure)?.[1])
  t.ok(level <= 1.5, `exposed by ${level} of 10`)
  t.match(await show('UMask'), /^0077\n/)
  t.match(await show('ProtectClock'), /^yes\n/)
  const later = (await show('Before')).trim().split(' ')
  const clients = ['containerd', 'k3s', 'k3s-agent', 'rke2-server', 'rke2-agent', 'kubelet']
  t.strictSame(
    clients.filter(name => !later.includes(`${name}.service`)),
    [],
    'it is there before who pulls',
  )
  t.match(await show('LimitNOFILE'), /^65536\n/)

  await sh('useradd mate && usermod -aG holdfast mate && useradd guest')
  const as = (who: string, script: string) => sh(`su ${who} -s /bin/sh -c '${script}'`)
  t.match(await as('mate', 'holdfast status'), /is ready/, 'a member of the group needs no token')
  await t.rejects(as('guest', 'holdfast status'), /may not|EACCES/)
  await t.rejects(as('guest', 'ls /var/lib/holdfast/data'), /Permission denied/)

  await as('mate', 'cp /run/given/app.tar /var/lib/holdfast/drop/')
  const mirrored = `curl -sf http://127.0.0.1:5050/v2/library/app/manifests/1?ns=docker.io`
  await until('what was dropped is served', async () =>
    sh(mirrored).then(
      said => said === image.bytes.toString(),
      () => false,
    ),
  )
  await sh('holdfast pin docker.io/library/app:1 --note before')

  const before = await show('MainPID')
  await sh(`kill -KILL ${before}`)
  await until(
    'systemd starts it anew',
    async () => ![before, '0\n'].includes(await show('MainPID')),
  )
  await isReady()

  await sh('printf "mode: sleep\\n" >>/etc/holdfast/holdfast.yaml && systemctl restart holdfast')
  await until('a wrong configuration is not tried again and again', async () =>
    /^failed/.test(await sh('systemctl is-failed holdfast || true')),
  )
  t.match(await show('ExecMainStatus'), /^3\n/)
  await t.rejects(sh('holdfast check-config'), /mode/)
  await sh('sed -i "s/^mode: sleep/mode: offline/" /etc/holdfast/holdfast.yaml')
  await sh('systemctl reset-failed holdfast && systemctl start holdfast')
  await isReady()

  const old = await show('MainPID')
  await sh(`dpkg -i /run/given/${deb.split('/').at(-1)}`)
  await isReady()
  t.notOk(['0\n', old].includes(await show('MainPID')), 'an upgrade restarts it')
  t.match(await sh('holdfast mode'), /offline/, 'and keeps the configuration')
  t.match(await sh('holdfast pins'), /docker\.io\/library\/app:1 .*before/, 'and what was said')

  const protectedBy = await containerdIn(machine)
  await sh('holdfast containerd install')
  await sh('test -s /etc/containerd/certs.d/docker.io/hosts.toml')
  await sh('dpkg -r holdfast')
  t.equal(await sh('find /etc/containerd -name hosts.toml'), '', 'containerd asks as before')
  t.match(await sh('systemctl is-enabled holdfast || true'), /^masked/, 'nobody starts it')
  t.strictSame(await protectedBy(), [], 'no lease is left that nobody could take away')
  t.match(await sh('systemctl is-active holdfast || true'), /^inactive|^unknown/)
  await sh('test -e /etc/holdfast/holdfast.yaml && test -e /var/lib/holdfast/data')
  // As where the data has a disk of its own.
  const data = '/var/lib/holdfast/data'
  await sh(`mkdir /srv/disk && mv ${data}/* /srv/disk/ && mount --bind /srv/disk ${data}`)
  // And where a medium is mounted on the drop folder.
  const drop = '/var/lib/holdfast/drop'
  await sh(`find ${drop} -mindepth 1 -delete; mkdir /srv/medium && touch /srv/medium/theirs`)
  await sh(`mount --bind /srv/medium ${drop}`)
  await sh('dpkg -P holdfast')
  t.equal(await sh(`ls -A ${drop}; umount ${drop} && rmdir ${drop}`), 'theirs\n')
  t.equal(await sh(`ls -A /srv/disk; umount ${data} && rmdir -p ${data} 2>/dev/null || true`), '')
  const left = 'find /etc /usr /var /run -xdev -name "*holdfast*" -newer /run/given/app.tar'
  t.equal(await sh(`${left} 2>/dev/null || true`), '')
})

t.test('a drop-in lets the registry stand behind the mirror', async t => {
  await mkdir(join(dir, 'auto', 'given'), { recursive: true })
  const file = deb.split('/').at(-1) ?? ''
  await copyFile(deb, join(dir, 'auto', 'given', file))
  const machine = await startSystemd(join(dir, 'auto'))
  t.teardown(() => machine.end())
  const sh = (script: string) => machine.run('sh', '-ec', `sudo() { "$@"; }; ${script}`)
  // As systemd does at the boot of a machine, though not in a container.
  await sh('mount --make-shared /')
  await sh(`dpkg -i /run/given/${file}`)
  await sh(`systemd-run --unit=registry ${registry}`)
  await sh(`cat >>/etc/holdfast/holdfast.yaml <<'END'
upstreams: { docker.io: { url: "http://127.0.0.1:8999" } }
END`)
  const blocks = (await readBlocks('debian.md')).filter(block => block.heading === 'For containerd')
  const dropIn = blocks.find(({ script }) => script.includes('auto.conf'))
  await sh(dropIn?.script ?? 'false')
  const behind = () => sh('cat /etc/containerd/certs.d/docker.io/hosts.toml')
  await until('the registry stands behind', async () =>
    /^server = "http:\/\/127\.0\.0\.1:8999"/m.test(await behind()),
  )
  t.match(await sh('holdfast containerd status'), /docker\.io/)
  await sh('systemctl stop registry')
  await until('nobody does', async () => {
    await sh('curl -s -o /dev/null http://127.0.0.1:5050/v2/library/app/manifests/1?ns=docker.io')
    return /^server = ".*:5050"/m.test(await behind())
  })
  const medium = '/var/lib/holdfast/drop/ship/stick'
  await sh(`mkdir -p /srv/stick ${medium} && touch /srv/stick/theirs`)
  await sh(`mount --bind /srv/stick ${medium}`)
  await sh('dpkg -P holdfast')
  t.equal(await sh('grep -c certs.d /proc/self/mountinfo || true'), '0\n')
  t.equal(await sh(`ls -A ${medium}`), 'theirs\n', 'what is mounted in the drop folder stays')
  t.equal(await sh('ls -A /var/lib/holdfast'), 'drop\n', 'and all else goes')
})

t.test('what is not named for a package is told', async t => {
  await t.rejects(run('npm', ['run', '-s', 'deb', '--', '--arch', 'mips']), /amd64 or arm64/)
  await writeFile(join(dir, 'file'), '')
  await t.rejects(run('npm', ['run', '-s', 'deb', '--', '--out', join(dir, 'file')]), /EEXIST/)
})
