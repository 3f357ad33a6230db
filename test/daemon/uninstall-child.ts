import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cli } from '../cli/support.ts'

// Run by uninstall.test.ts, which gives it a directory and a mount namespace of its own.
const [, , directory = ''] = process.argv
const bind = (path: string) => execFileSync('mount', ['--bind', path, path])

/** What a node left on a machine without containerd. */
async function left(name: string) {
  const dir = join(directory, name)
  const [dataDir, certsDir] = [join(dir, 'data'), join(dir, 'certs.d')]
  mkdirSync(join(dataDir, 'blobs/sha256'), { recursive: true })
  for (const file of ['holdfast.lock', 'node.key', `blobs/sha256/${'a'.repeat(64)}`]) {
    writeFileSync(join(dataDir, file), '')
  }
  const type = (...words: string[]) => {
    const containerd = [
      '--containerd.certs-dir',
      certsDir,
      '--containerd.socket',
      join(dir, 'none'),
    ]
    return cli([...words, '--data-dir', dataDir, ...containerd])
  }
  await type('containerd', 'install', '--fallback', 'none')
  return { dataDir, hosts: join(certsDir, 'docker.io/hosts.toml'), type }
}

t.test('data on a read-only disk keeps everything as it is, unless it may stay', async t => {
  const { dataDir, hosts, type } = await left('sealed')
  bind(dataDir)
  execFileSync('mount', ['-o', 'remount,bind,ro', dataDir])
  const refused = await type('uninstall')
  t.match(refused, { code: 6, err: /data cannot be written: .*--keep-data.*nothing was changed/ })
  t.ok(existsSync(hosts))
  t.match(await type('uninstall', '--keep-data'), { code: 0, out: /kept +\S+data\n/ })
  t.notOk(existsSync(hosts))
  t.ok(existsSync(join(dataDir, 'node.key')))
})

t.test('what is mounted in the place of a directory of ours is emptied, and stays', async t => {
  const { dataDir, type } = await left('mounted')
  bind(dataDir)
  bind(join(dataDir, 'blobs'))
  t.match(await type('uninstall'), { code: 0, out: /removed +\S+data \(\d files/ })
  t.strictSame(readdirSync(dataDir, { recursive: true }), ['blobs'])
})
