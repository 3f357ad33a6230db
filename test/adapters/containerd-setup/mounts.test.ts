import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { boundAmong, holderOf, parseMounts } from '../../../src/adapters/containerd-setup/mounts.ts'
import { runWithMounts, skipMounting } from '../../support/mount-namespace.ts'

const table = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 254:1 /etc/certs\\040d /etc/containerd/certs.d rw shared:7 master:3 - ext4 /dev/vdb rw
31 30 254:1 /a/.holdfast/upstream/b/hosts.toml//deleted /etc/containerd/certs.d/b/hosts.toml rw master:3 - ext4 /dev/vdb rw
`

t.test('mounts are read with their groups, and blanks in their names', async t => {
  const [proc, root, certs, file] = parseMounts(table)
  t.strictSame(proc, {
    ...{ id: '22', parent: '27', root: '/', path: '/proc' },
    ...{ isShared: false, isSlave: false },
  })
  t.strictSame(root, {
    ...{ id: '27', parent: '1', root: '/', path: '/' },
    ...{ isShared: true, isSlave: false },
  })
  t.match(certs, { root: '/etc/certs d', isShared: true, isSlave: true })
  t.match(file, { isShared: false, isSlave: true })
})

/** Of a container into which /etc/containerd is mounted with what stands there, and above it certs.d. */
const twice = `40 39 0:61 / / ro,relatime - overlay overlay rw
41 40 254:0 /etc/containerd /etc/containerd ro - ext4 /dev/vda rw
42 41 254:0 /c/.holdfast/upstream/b/hosts.toml /etc/containerd/certs.d/b/hosts.toml ro - ext4 /dev/vda rw
43 41 254:0 /etc/containerd/certs.d /etc/containerd/certs.d rw shared:86 - ext4 /dev/vda rw
`
const standing =
  '44 43 254:0 /c/.holdfast/upstream/b/hosts.toml /etc/containerd/certs.d/b/hosts.toml rw shared:86 - ext4 /dev/vda rw\n'

t.test('what is covered does not stand there', async t => {
  const file = '/etc/containerd/certs.d/b/hosts.toml'
  t.strictSame([...boundAmong(parseMounts(twice + standing))], [file])
  t.strictSame([...boundAmong(parseMounts(twice))], [], 'the other was taken away')
  const another = standing.replace('44 43', '45 44').replace('.holdfast', '.another')
  t.strictSame([...boundAmong(parseMounts(twice + standing + another))], [], 'nor under another')
})

t.test('a path lies in the longest mount that leads to it', async t => {
  const mounts = parseMounts(table)
  t.equal(holderOf(mounts, '/etc/containerd/certs.d/c')?.path, '/etc/containerd/certs.d')
  t.equal(holderOf(mounts, '/etc/containerd/certs.data')?.path, '/')
  t.equal(holderOf(mounts, '/proc')?.path, '/proc')
})

t.test('real mounts', { skip: skipMounting }, async t => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-mounts-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  await runWithMounts(t, join(import.meta.dirname, 'mounts-child.ts'), { directory, tests: 17 })
})
