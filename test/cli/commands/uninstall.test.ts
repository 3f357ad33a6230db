import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { UninstallNode } from '../../../src/cli/uninstall-node.ts'
import { cli } from '../support.ts'

const type = (t: Test, uninstallNode: UninstallNode) =>
  cli(['uninstall', '--data-dir', join(t.testdir({}), 'data')], {
    parts: { loadUninstall: async () => ({ uninstallNode }) },
  })

t.test('what may not be removed is told as what it is', async t => {
  const message = "EACCES: permission denied, unlink '/data/node.key'"
  const { code, err } = await type(t, async () => {
    throw Object.assign(new Error(message), { code: 'EACCES' })
  })
  t.equal(code, 6)
  t.ok(err.includes(`${message}; it is not all of this user: run it as root\n`), err)
})

t.test('what stays is told with why', async t => {
  const left = ['/data/notes', '/data/blobs']
  const removed = { path: '/data', outcome: 'removed', files: 2, bytes: 10, left } as const
  const { code, out } = await type(t, async () => ({
    hosts: [],
    containerd: { socket: '/run/c.sock' },
    data: [{ ...removed, links: ['/data/blobs'] }],
  }))
  t.equal(code, 0)
  t.match(out, /left +\/data\/notes: not made by Holdfast\nleft +\/data\/blobs: a link\n$/)
})
