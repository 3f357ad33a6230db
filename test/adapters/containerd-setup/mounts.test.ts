import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { holderOf, parseMounts } from '../../../src/adapters/containerd-setup/mounts.ts'

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

/** In a mount namespace of its own, so that no mount of ours is ever seen outside. */
function mayMount(): boolean {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

const skip = mayMount() ? false : 'needs the right to mount'

t.test('real mounts', { skip }, async t => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-mounts-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const tests = join(import.meta.dirname, 'mounts-child.ts')
  const child = spawn(
    'unshare',
    ['-m', '--propagation', 'private', process.execPath, tests, directory],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const output: Buffer[] = []
  child.stdout.on('data', chunk => output.push(chunk))
  const [code] = await once(child, 'close')
  const said = Buffer.concat(output).toString()
  t.equal(code, 0, said)
  t.match(said, /^1\.\.7$/m, 'the tests did run')
})
