import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { commands, globalOptions, optionsOf } from '../../src/cli/commands.ts'
import { cli } from './support.ts'

const run = promisify(execFile)

/** Whether this machine has a shell. */
const has = (shell: string): Promise<boolean> =>
  run(shell, ['-c', 'true']).then(
    () => true,
    () => false,
  )

/** What bash offers after these words, the last of which is being typed. */
async function offered(t: Test, ...words: readonly string[]): Promise<readonly string[]> {
  const { code, out } = await cli(['completion', 'bash'])
  t.equal(code, 0)
  const script = join(t.testdir({ 'a-file.tar': '' }), 'completion.bash')
  await writeFile(script, out)
  const typed = ['holdfast', ...words].map(word => `'${word}'`).join(' ')
  const ask = `source ./completion.bash; COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await run('bash', ['-c', ask], { cwd: join(script, '..') })
  return stdout.split('\n').filter(line => line !== '')
}

t.test('bash offers commands, their options and files', async t => {
  if (!(await has('bash'))) return t.comment('there is no bash here')
  t.strictSame(await offered(t, 'rep'), ['report'])
  t.strictSame(await offered(t, 'mesh', ''), ['status', 'secret'])
  t.match(await offered(t, ''), ['serve', 'resolve'])
  t.match(await offered(t, 'report', '--no'), ['--node'])
  t.strictSame(await offered(t, 'mesh', 'secret', '--rot'), ['--rotate'])
  t.ok((await offered(t, 'serve', '--resolve')).includes('--resolve.timeout-ms'))
  t.strictSame(await offered(t, 'tags', '-o', ''), ['text', 'json', 'yaml'])
  t.strictSame(await offered(t, 'export', 'a:1', '-o', 'a-'), ['a-file.tar'])
  t.strictSame(await offered(t, 'import', 'a-'), ['a-file.tar'])
  t.strictSame(await offered(t, 'status', '--config', 'a-'), ['a-file.tar'])
  t.strictSame(await offered(t, 'nonsense', '--ver'), ['--version'])
})

t.test('every command and option is told to each shell', async t => {
  const bash = (await cli(['completion', 'bash'])).out
  const fish = (await cli(['completion', 'fish'])).out
  for (const command of commands) {
    const words = command.name.split(' ')
    t.ok(bash.includes(`'${command.name}') words='`), command.name)
    for (const word of words) t.match(fish, new RegExp(`-a ${word}\\b`))
    for (const { name } of optionsOf(command)) t.ok(fish.includes(`-l ${name}`), `--${name}`)
  }
  for (const { name } of globalOptions) t.ok(bash.includes(`--${name}`))
  const zsh = (await cli(['completion', 'zsh'])).out
  t.match(zsh, /^autoload -Uz bashcompinit && bashcompinit\n_holdfast\(\) \{/)
})

t.test('a shell that nobody knows is a mistake', async t => {
  t.match(await cli(['completion', 'tcsh']), { code: 2, err: /"tcsh" is none of bash, zsh, fish/ })
  t.match(await cli(['completion']), { code: 2 })
})
