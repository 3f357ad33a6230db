import { once } from 'node:events'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inTurn } from '../../../src/adapters/containerd-setup/in-turn.ts'
import { installHosts } from '../../../src/adapters/containerd-setup/install.ts'
import { forkPlainly } from '../../support/plainly.ts'

t.test('two that install at once both stand in the journal', async t => {
  const certsDir = t.testdir()
  const names = ['a.test', 'b.test', 'c.test', 'd.test']
  const mirror = { url: 'http://127.0.0.1:5050', targets: [], token: undefined }
  const install = (name: string) =>
    inTurn(certsDir, () =>
      installHosts({
        certsDir,
        registries: [{ name, url: `https://${name}` }],
        mirror,
        fallback: 'none',
        prepend: false,
        force: false,
      }),
    )
  await Promise.all(names.map(install))
  const journal = JSON.parse(readFileSync(join(certsDir, '.holdfast/journal.json'), 'utf8'))
  t.strictSame(Object.keys(journal.entries).sort(), names)
})

t.test('who waits too long is told, by whatever path he comes, and a failure lets go', async t => {
  const dir = t.testdir({ real: {} })
  symlinkSync('real', join(dir, 'link'))
  const done = Promise.withResolvers<void>()
  const first = inTurn(join(dir, 'real'), () => done.promise)
  await t.rejects(
    inTurn(join(dir, 'link'), async () => t.fail('not alone'), 100),
    { code: 'directory-in-use', message: /another holdfast is changing the files in .*real/ },
  )
  t.equal(await inTurn(dir, async () => 'another directory'), 'another directory')
  done.reject(new Error('it failed'))
  await t.rejects(first, /it failed/)
  t.equal(await inTurn(join(dir, 'link'), async () => 'mine'), 'mine')
})

t.test('who was killed holds nobody up', async t => {
  const dir = t.testdir()
  const child = forkPlainly(join(import.meta.dirname, 'in-turn-child.ts'), [dir])
  await once(child, 'message')
  const next = inTurn(dir, async () => 'mine')
  child.kill('SIGKILL')
  t.equal(await next, 'mine')
})
