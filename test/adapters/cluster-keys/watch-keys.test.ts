import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { watchKeys } from '../../../src/adapters/cluster-keys/watch-keys.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { until } from '../../system/support/process.ts'

const newKey = (): string => randomBytes(32).toString('base64url')
const [first, second] = [newKey(), newKey()]

/** A key file in a directory of its own, looked at when the test says so. */
async function watched(t: Test, options: { everyMs?: number } = {}) {
  const dir = t.testdir({ secret: `${first}\n` })
  const path = join(dir, 'secret')
  const warnings: string[] = []
  const log = {
    ...silentLog,
    warn: (_: unknown, message: string) =>
      void (/not read/.test(message) && warnings.push(message)),
  }
  const keys = await watchKeys(path, { log }, { everyMs: 3_600_000, settleMs: 1, ...options })
  t.teardown(keys.close)
  let count = 0
  keys.onChange(() => {
    count += 1
  })
  const secrets = () =>
    keys.current().map(({ secret }) => Buffer.from(secret).toString('base64url'))
  return { dir, path, keys, warnings, secrets, changeCount: () => count }
}

t.test('a change is seen by itself, and told once', async t => {
  const { path, secrets, changeCount } = await watched(t, { everyMs: 5 })
  t.strictSame(secrets(), [first])
  await writeFile(path, `${first}\n${second}\n`)
  await until('the new key is seen', () => changeCount() === 1)
  t.strictSame(secrets(), [first, second])
  await writeFile(path, `${second}\n${first}\n`)
  await until('an order is a change', () => changeCount() === 2)
  t.strictSame(secrets(), [second, first])
})

t.test('comments and the same keys in other words are no change', async t => {
  const { path, keys, changeCount } = await watched(t)
  await writeFile(path, `# hello\n\n${Buffer.from(first, 'base64url').toString('hex')}\n`)
  await keys.refresh()
  t.equal(changeCount(), 0)
})

t.test('a file that is replaced is seen', async t => {
  const { dir, path, keys, secrets } = await watched(t)
  await writeFile(join(dir, 'other'), second)
  await rename(join(dir, 'other'), path)
  await keys.refresh()
  t.strictSame(secrets(), [second])
})

t.test('a swapped directory link, as Kubernetes makes it, is seen', async t => {
  const dir = t.testdir({ a: { secret: first }, b: { secret: second } })
  await symlink('a', join(dir, '..data'))
  await symlink('..data/secret', join(dir, 'secret'))
  const keys = await watchKeys(join(dir, 'secret'), { log: silentLog }, { settleMs: 1 })
  t.teardown(keys.close)
  const [before] = keys.current()
  await symlink('b', join(dir, '..new'))
  await rename(join(dir, '..new'), join(dir, '..data'))
  await keys.refresh()
  t.not(keys.current()[0]?.id, before?.id)
  t.equal(keys.current().length, 1)
})

t.test('while the file is gone or wrong the last keys stay, and it is told once', async t => {
  const { path, keys, warnings, secrets, changeCount } = await watched(t)
  await rm(path)
  await keys.refresh()
  await keys.refresh()
  t.equal(warnings.length, 1)
  t.strictSame(secrets(), [first])
  for (const text of ['', '# nothing\n', 'short\n', `${first}\nshort\n`, 'x'.repeat(100_000)]) {
    await writeFile(path, text)
    await keys.refresh()
    t.strictSame(secrets(), [first])
  }
  t.equal(changeCount(), 0)
  await rm(path)
  await mkdir(path)
  await keys.refresh()
  t.strictSame(secrets(), [first])
  await rm(path, { recursive: true })
  await writeFile(path, second)
  await keys.refresh()
  t.strictSame(secrets(), [second], 'and a good file counts again')
  await rm(path)
  const before = warnings.length
  await keys.refresh()
  t.equal(warnings.length, before + 1, 'the next absence is told again')
})

t.test('what changes again while it settles is not taken', async t => {
  const dir = t.testdir({ secret: first })
  const path = join(dir, 'secret')
  const keys = await watchKeys(path, { log: silentLog }, { everyMs: 3_600_000, settleMs: 50 })
  t.teardown(keys.close)
  const [before] = keys.current()
  let count = 0
  const write = () => {
    count += 1
    writeFileSync(`${path}.next`, `${first}\n${second}\n# ${count}\n`)
    renameSync(`${path}.next`, path)
  }
  write()
  const writing = setInterval(write, 1)
  await keys.refresh()
  clearInterval(writing)
  t.strictSame(keys.current(), [before])
  await keys.refresh()
  t.equal(keys.current().length, 2)
})

t.test('without keys to begin with it says which command makes one', async t => {
  const dir = t.testdir({ empty: '' })
  const open = (name: string) => watchKeys(join(dir, name), { log: silentLog })
  await t.rejects(open('none'), {
    code: 'config-invalid',
    message: /none is not there; `holdfast mesh secret --file .*none` makes one/,
  })
  await t.rejects(open('empty'), { code: 'config-invalid', message: /holds no cluster key/ })
  await t.rejects(open(''), { code: 'config-invalid', message: /cannot be read/ })
})

t.test('a watch that is closed tells nothing more', async t => {
  const { path, keys, changeCount } = await watched(t)
  await writeFile(path, second)
  const looked = keys.refresh()
  keys.close()
  await looked
  t.equal(changeCount(), 0)
})

t.test('a file that is broken is said for as long as it is, and the keys stay', async t => {
  const { path, keys, secrets, warnings } = await watched(t)
  t.equal(keys.failure(), undefined)
  await rm(path)
  await keys.refresh()
  t.match(keys.failure(), 'is not there')
  await writeFile(path, 'too short')
  await keys.refresh()
  t.match(keys.failure(), 'line 1 is no cluster key')
  t.strictSame(secrets(), [first])
  await writeFile(path, `${first}\n`)
  await keys.refresh()
  t.equal(keys.failure(), undefined, 'also when it holds what it held before')
  t.equal(warnings.length, 2)
})

t.test('a file that others may read is warned of', async t => {
  const dir = t.testdir({ secret: `${first}\n` })
  const path = join(dir, 'secret')
  const read = async (mode: number): Promise<readonly string[]> => {
    await chmod(path, mode)
    const warnings: string[] = []
    const log = { ...silentLog, warn: (_: unknown, message: string) => void warnings.push(message) }
    const keys = await watchKeys(path, { log })
    keys.close()
    return warnings
  }
  t.match(await read(0o644), [/has mode 0644/])
  t.strictSame(await read(0o600), [])
})
