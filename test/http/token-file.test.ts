import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTokenFile, type TokenFile } from '../../src/http/token-file.ts'
import { createMovableClock, type MovableClock } from '../support/movable-clock.ts'
import { keepLog } from './support.ts'

const one = 'one-uOa0T9IgRa7XqJqVw0X1Xw'
const two = 'two-9pV1tWZkQx2nB8sLrY5MdA'

interface Opened {
  readonly path: string
  readonly tokens: TokenFile
  readonly clock: MovableClock
  readonly lines: ReturnType<typeof keepLog>['lines']
  /** Writes the file as a whole, as careful programs do, and lets it be looked at. */
  replace(text: string): Promise<void>
}

function open(t: Test): Opened {
  const path = join(t.testdir({ token: `${one} read mate\n` }), 'token')
  const clock = createMovableClock(0)
  const { lines, log } = keepLog()
  const tokens = openTokenFile({ key: 'admin.tokenFile', path }, { clock, log })
  async function replace(text: string): Promise<void> {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
    clock.pass(1_000)
  }
  return { path, tokens, clock, lines, replace }
}

t.test('the file is read again when it changes, a second later at the latest', async t => {
  const { path, tokens, clock, lines, replace } = open(t)
  t.strictSame(tokens.holderOf(one), { role: 'read', name: 'mate' })
  await writeFile(path, `${two}\n`)
  t.ok(tokens.holderOf(one), 'looked at a moment ago')
  t.notOk(tokens.holderOf(two))
  clock.pass(1_000)
  t.notOk(tokens.holderOf(one))
  t.strictSame(tokens.holderOf(two), { role: 'write', name: 'token 1' })
  await replace(`${one}\n`)
  t.ok(tokens.holderOf(one))
  t.notOk(tokens.holderOf(two))
  t.notOk(tokens.holderOf(''))
  t.match(lines, [
    { level: 'info', fields: { holders: ['token 1 (write)'] } },
    { level: 'info', fields: { holders: ['token 1 (write)'] } },
  ])
})

t.test('a file that is broken, gone or unreadable changes nothing, and is told once', async t => {
  const { path, tokens, clock, lines, replace } = open(t)
  await replace(`${two}\n${one} raed mate\n`)
  for (let i = 0; i < 3; i++) {
    t.ok(tokens.holderOf(one), 'as before')
    t.notOk(tokens.holderOf(two), 'nor is half of it taken')
    clock.pass(1_000)
  }
  t.match(tokens.failure(), /token line 2 has neither read nor write/)
  await rm(path)
  clock.pass(1_000)
  t.match(tokens.failure(), /token is not there$/)
  await mkdir(path)
  clock.pass(1_000)
  t.match(tokens.failure(), /token cannot be read \(EISDIR\)$/)
  await rm(path, { recursive: true })
  await replace('x'.repeat(70_000))
  t.match(tokens.failure(), /token is too long for a file of tokens$/)
  t.ok(tokens.holderOf(one), 'as before')
  t.strictSame(
    lines.map(({ level, message }) => [level, message]),
    Array(4).fill(['warn', 'tokens not read: those of before stay in force']),
  )
  await replace(`${two}\n`)
  t.equal(tokens.failure(), undefined)
  t.ok(tokens.holderOf(two))
  t.notOk(tokens.holderOf(one))
  t.match(lines.at(-1), { level: 'info' })
})

t.test('a file that comes back as it was is told, too', async t => {
  const { path, tokens, clock, lines } = open(t)
  await rename(path, `${path}.away`)
  clock.pass(1_000)
  t.ok(tokens.failure())
  await rename(`${path}.away`, path)
  clock.pass(1_000)
  t.equal(tokens.failure(), undefined)
  t.match(lines, [{ level: 'warn' }, { level: 'info' }])
})

t.test('a file that is wrong to begin with is refused', t => {
  const dir = t.testdir({ empty: '\n', short: 'bad\n' })
  const at = (name: string) => () =>
    openTokenFile(
      { key: 'mirror.tokenFile', path: join(dir, name) },
      { clock: createMovableClock(0), log: keepLog().log },
    )
  t.throws(at('empty'), { code: 'config-invalid', message: /holds no token/ })
  t.throws(at('short'), { code: 'config-invalid', message: /short line 1 has a token of 3/ })
  t.throws(at('none'), { code: 'config-invalid', message: /none is not there/ })
  t.end()
})
