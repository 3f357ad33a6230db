import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { commands, globalOptions, optionsOf } from '../../src/cli/commands.ts'
import { cli, scriptAdmin } from './support.ts'

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
  const ask = `holdfast() { [[ "$*" == 'completion nodes' ]] && printf 'bridge\\ngalley\\n'; }; source ./completion.bash; COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`
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

t.test('bash offers values: names of nodes, words of which one is meant, or none', async t => {
  if (!(await has('bash'))) return t.comment('there is no bash here')
  const modes = ['auto', 'online', 'offline', 'configured']
  t.strictSame(await offered(t, 'mode', ''), modes)
  t.match(await offered(t, 'mode', '--'), ['--for'])
  t.strictSame(await offered(t, 'mesh', 'secret', '--rotate', ''), ['add', 'promote', 'drop'])
  t.strictSame(await offered(t, 'tags', '--source', 'i'), ['import'])
  t.strictSame(await offered(t, 'status', '--node', ''), ['bridge', 'galley', 'all'])
  t.strictSame(await offered(t, 'report', '--node', ''), ['bridge', 'galley'])
  t.strictSame(await offered(t, 'ban', 'g'), ['galley'])
  t.strictSame(await offered(t, 'pin', 'nginx', '--note', ''), [])
  t.strictSame(await offered(t, 'mode', 'offline', '--for', ''), [])
  t.strictSame(await offered(t, 'containerd', 'print', '--for', 'p'), ['podman'])
  t.strictSame(await offered(t, 'export', 'a', '--since', 'a-'), ['a-file.tar'])
  t.strictSame(await offered(t, 'audit', '--since', 'a-'), [])
  t.match(await offered(t, 'gc', '--dry-run', ''), ['--dry-run'])
})

t.test('fish and zsh offer the same, with what it means', async t => {
  const fish = async (line: string) => {
    await writeFile(join(dir, 'completion.fish'), (await cli(['completion', 'fish'])).out)
    const names = 'function holdfast; printf "bridge\\ngalley\\n"; end'
    const ask = `${names}; source completion.fish; complete -C 'holdfast ${line}'`
    const { stdout } = await run('fish', ['--no-config', '-c', ask], { cwd: dir })
    return stdout.trim().split('\n')
  }
  const zsh = async (...words: readonly string[]) => {
    await writeFile(join(dir, 'completion.zsh'), (await cli(['completion', 'zsh'])).out)
    const fakes = `compdef() {}; _describe() { print -l -- "\${(@P)@[-1]}" }; compadd() { print -l -- "\${@[2,-1]}" }; _files() { print files }; _message() { print "$1" }; holdfast() { print -l bridge galley }`
    const line = ['holdfast', ...words].map(word => `'${word}'`).join(' ')
    const ask = `${fakes}; source ./completion.zsh; words=(${line}); CURRENT=$#words; PREFIX=$words[-1]; _holdfast`
    const { stdout } = await run('zsh', ['-f', '-c', ask], { cwd: dir })
    return stdout.trim().split('\n')
  }
  const dir = t.testdir({})
  if (await has('fish')) {
    t.match(await fish('mes'), ['mesh\tstatus, secret'])
    t.match(await fish('mesh '), [
      /^secret\tmake a key/,
      /^status\tshow how this node is connected/,
    ])
    t.match((await fish('mode ')).sort(), ['auto', 'configured', 'offline', 'online'])
    t.match((await fish('status --node ')).sort(), ['all', 'bridge', 'galley'])
    t.match((await fish('tags -o ')).sort(), ['json', 'text', 'yaml'])
  } else t.comment('there is no fish here')
  if (await has('zsh')) {
    t.ok((await zsh('')).includes('mesh:status, secret'))
    t.match(await zsh('mesh', ''), [
      /^status:show how this node is connected/,
      /^secret:make a key/,
    ])
    t.match(await zsh('mode', ''), ['auto', 'online', 'offline', 'configured'])
    t.match(await zsh('mode', '--'), [/^--for:how long/])
    t.match(await zsh('status', '--node', ''), ['bridge', 'galley', 'all'])
    t.match(await zsh('export', 'a', '-o', ''), ['files'])
    t.match(await zsh('pin', 'a', '--note', ''), ['value'])
  } else t.comment('there is no zsh here')
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
  t.match(zsh, /^#compdef holdfast\n_holdfast\(\) \{/)
  for (const { name } of commands) t.ok(zsh.includes(`('${name}') flags=(`), name)
})

t.test('the names of nodes are asked of the running one', async t => {
  const node = (name: string, state: string) => ({ id: name, name, self: false, state })
  const items = [node('bridge', 'alive'), node('hold', 'banned'), node('galley', 'gone')]
  const { env } = await scriptAdmin(t, () => [200, { items }])
  t.match(await cli(['completion', 'nodes'], { env }), { code: 0, out: 'bridge\ngalley\n' })
})

t.test('a shell that nobody knows is a mistake', async t => {
  t.match(await cli(['completion', 'tcsh']), {
    code: 2,
    err: /"tcsh" is none of bash, zsh, fish$/m,
  })
  t.match(await cli(['completion']), { code: 2 })
})
