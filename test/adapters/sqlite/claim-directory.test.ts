import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { claimDirectory } from '../../../src/adapters/sqlite/claim-directory.ts'
import { silentLog } from '../../../src/ports/log.ts'

/** Another process that holds a directory; resolves once it does. */
async function holder(t: Test, directory: string) {
  const of = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
  const script = `
    const { claimDirectory } = await import(${of('../../../src/adapters/sqlite/claim-directory.ts')})
    const { silentLog } = await import(${of('../../../src/ports/log.ts')})
    globalThis.claim = claimDirectory(${JSON.stringify(directory)}, silentLog)
    console.log('held')
    setInterval(() => {}, 1000)
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

t.test('a directory that another process holds is refused, until that one dies', async t => {
  const directory = join(t.testdir(), 'data')
  const other = await holder(t, directory)
  t.throws(() => claimDirectory(directory, silentLog), {
    code: 'directory-in-use',
    message: /another holdfast is running in .*data; stop that one first/,
  })
  other.kill('SIGKILL')
  await once(other, 'exit')
  claimDirectory(directory, silentLog).close()
})

t.test('what was given back can be claimed again, here as well', async t => {
  const directory = t.testdir()
  const claim = claimDirectory(directory, silentLog)
  t.throws(() => claimDirectory(directory, silentLog), { code: 'directory-in-use' })
  claim.close()
  claimDirectory(directory, silentLog).close()
})

t.test('a directory that cannot be made or written is left to those who need it', async t => {
  const directory = t.testdir({ file: '', taken: { 'holdfast.lock': {} } })
  for (const name of ['file', 'taken']) {
    const told: string[] = []
    const log = { ...silentLog, debug: (_: object, message: string) => void told.push(message) }
    claimDirectory(join(directory, name), log).close()
    t.strictSame(told, ['directory cannot be claimed'], name)
  }
})
