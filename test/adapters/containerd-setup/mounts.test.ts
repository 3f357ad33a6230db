import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { holderOf, parseMounts } from '../../../src/adapters/containerd-setup/mounts.ts'
import { runWithMounts, skipMounting } from '../../support/mount-namespace.ts'

const table = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 254:1 /etc/certs\\040d /etc/containerd/certs.d rw shared:7 master:3 - ext4 /dev/vdb rw
31 30 254:1 /a/.holdfast/upstream/b/hosts.toml//deleted /etc/containerd/certs.d/b/hosts.toml rw master:3 - ext4 /dev/vdb rw
`

t.test('mounts are read with their groups, and blanks in their names', async t => {
  const [proc, root, certs, file] = parseMounts(table)
  t.strictSame(proc, { root: '/', path: '/proc', isShared: false, isSlave: false })
  t.strictSame(root, { root: '/', path: '/', isShared: true, isSlave: false })
  t.match(certs, { root: '/etc/certs d', isShared: true, isSlave: true })
  t.match(file, { isShared: false, isSlave: true })
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
  await runWithMounts(t, join(import.meta.dirname, 'mounts-child.ts'), { directory, tests: 7 })
})
