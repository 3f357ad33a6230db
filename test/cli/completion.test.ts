import { execFile } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
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

/** What a node would list: what a name of any kind may be, and what it means. */
const listed = String.raw`[ "$1" = __complete ] && case $2 in
  nodes) printf 'bridge\talive\ngalley\tgone\n' ;;
  tags) printf 'nginx:1.27\tpinned\nnginx:latest\tupstream\nredis:7\tupstream\n' ;;
  pins) printf 'nginx:1.27\tuntil Lisbon\n' ;;
  keeps) printf 'docker.io/library/*\tall of these\n$(touch pwned)\t\n' ;;
  *) printf '%s-1\tthe first\n' "$2" ;;
esac`
const dir = t.testdir({ 'a-file.tar': '', 'with spaces and *.tar': '', bin: {} })
await writeFile(
  join(dir, 'bin', 'holdfast'),
  `#!/bin/sh
${listed}
`,
  { mode: 0o755 },
)

/** What bash offers after these words, parted as bash parts them, the last of which is being typed. */
async function offered(t: Test, ...words: readonly string[]): Promise<readonly string[]> {
  const { code, out } = await cli(['completion', 'bash'])
  t.equal(code, 0)
  await writeFile(join(dir, 'completion.bash'), out)
  const typed = ['holdfast', ...words].map(word => `'${word}'`).join(' ')
  const ask = `source ./completion.bash; COMP_WORDS=(${typed}); COMP_CWORD=${words.length}; _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = await run('bash', ['-c', ask], { cwd: dir, env: withListing })
  t.equal(stderr, '')
  return stdout.split('\n').filter(line => line !== '')
}
const withListing = { ...process.env, PATH: `${join(dir, 'bin')}:${process.env['PATH']}` }

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
  t.strictSame(await offered(t, 'import', 'wi'), ['with spaces and *.tar'], 'each as a whole')
  t.strictSame(await offered(t, 'import', 'none'), [])
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

t.test('bash offers what the node lists, whatever stands between', async t => {
  if (!(await has('bash'))) return t.comment('there is no bash here')
  t.strictSame(await offered(t, 'explain', 'ng'), ['nginx:1.27', 'nginx:latest'])
  t.strictSame(await offered(t, 'explain', '-o', 'json', 're'), ['redis:7'])
  t.strictSame(await offered(t, 'report', 'redis', ':', '7', 'ng'), ['nginx:1.27', 'nginx:latest'])
  t.strictSame(await offered(t, 'unpin', ''), ['nginx:1.27'])
  t.strictSame(await offered(t, 'pin', 'nginx', ':', '1', ''), await offered(t, 'pin', 'x', ''))
  for (const [kind, ...names] of [
    ['jobs', 'jobs', 'cancel'],
    ['schedules', 'unschedule', 'schedule'],
    ['repositories', 'tags'],
    ['bans', 'unban'],
    ['blocks', 'unblock'],
  ]) {
    for (const name of names) t.strictSame(await offered(t, name, ''), [`${kind}-1`], name)
  }
  for (const name of ['resolve', 'why', 'refresh', 'forget', 'warm', 'export', 'pin', 'audit']) {
    t.strictSame(await offered(t, name, 're'), ['redis:7'], name)
  }
  t.strictSame(await offered(t, 'schedule', 'night', 're'), ['redis:7'])
})

t.test(
  'bash completes after a colon and an equals sign, which it takes for ends of words',
  async t => {
    if (!(await has('bash'))) return t.comment('there is no bash here')
    t.strictSame(await offered(t, 'explain', 'nginx', ':'), ['1.27', 'latest'])
    t.strictSame(await offered(t, 'explain', 'nginx', ':', '1'), ['1.27'])
    t.strictSame(await offered(t, 'status', '--node', '='), ['bridge', 'galley', 'all'])
    t.strictSame(await offered(t, 'status', '--node', '=', 'g'), ['galley'])
  },
)

t.test('bash evaluates nothing that a node says, and writes it so that it never is', async t => {
  if (!(await has('bash'))) return t.comment('there is no bash here')
  t.strictSame(await offered(t, 'unkeep', ''), [
    String.raw`docker.io/library/\*`,
    String.raw`\$\(touch\ pwned\)`,
  ])
  t.notOk((await readdir(dir)).includes('pwned'))
})

t.test('fish and zsh offer the same, with what it means', async t => {
  const fish = async (line: string) => {
    await writeFile(join(dir, 'completion.fish'), (await cli(['completion', 'fish'])).out)
    const ask = `source completion.fish; complete -C 'holdfast ${line}'`
    const { stdout } = await run('fish', ['--no-config', '-c', ask], { cwd: dir, env: withListing })
    return stdout.trim().split('\n')
  }
  const zsh = async (...words: readonly string[]) => {
    await writeFile(join(dir, 'completion.zsh'), (await cli(['completion', 'zsh'])).out)
    const fakes = `compdef() {}; _describe() { print -rl -- "\${(@P)@[-1]}" }; compadd() { print -l -- "\${@[2,-1]}" }; _files() { print files }; _message() { print "$1" }`
    const line = ['holdfast', ...words].map(word => `'${word}'`).join(' ')
    const ask = `${fakes}; source ./completion.zsh; words=(${line}); CURRENT=$#words; PREFIX=$words[-1]; _holdfast`
    const { stdout } = await run('zsh', ['-f', '-c', ask], { cwd: dir, env: withListing })
    return stdout.trim().split('\n')
  }
  if (await has('fish')) {
    t.match(await fish('mes'), ['mesh\tstatus, secret'])
    t.match(await fish('mesh '), [
      /^secret\tmake a key/,
      /^status\tshow how this node is connected/,
    ])
    t.match((await fish('mode ')).sort(), ['auto', 'configured', 'offline', 'online'])
    t.match((await fish('status --node ')).sort(), ['all', 'bridge\talive', 'galley\tgone'])
    t.strictSame(await fish('explain nginx:1'), ['nginx:1.27\tpinned'])
    t.strictSame(await fish('report redis:7 re'), ['redis:7\tupstream'])
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
    t.match(await zsh('status', '--node', ''), ['bridge:alive', 'galley:gone', 'all'])
    t.strictSame(await zsh('explain', ''), [
      String.raw`nginx\:1.27:pinned`,
      String.raw`nginx\:latest:upstream`,
      String.raw`redis\:7:upstream`,
    ])
    t.match(await zsh('report', 'redis:7', ''), [/^nginx/])
    t.match(await zsh('unpin', ''), [/:until Lisbon$/])
    t.match(await zsh('export', 'a', '-o', ''), ['files'])
    t.match(await zsh('pin', 'a', '--note', ''), ['value'])
  } else t.comment('there is no zsh here')
})

t.test('every command and option is told to each shell', async t => {
  const bash = (await cli(['completion', 'bash'])).out
  const fish = (await cli(['completion', 'fish'])).out
  for (const command of commands) {
    const words = command.name.split(' ')
    t.ok(bash.includes(`'${command.name}') flags='`), command.name)
    for (const word of words) t.match(fish, new RegExp(`-a ${word}\\b`))
    for (const { name } of optionsOf(command)) t.ok(fish.includes(`-l ${name}`), `--${name}`)
  }
  for (const { name } of globalOptions) t.ok(bash.includes(`--${name}`))
  const zsh = (await cli(['completion', 'zsh'])).out
  t.match(zsh, /^#compdef holdfast\n(.*\n)*_holdfast\(\) \{/)
  for (const { name } of commands) t.ok(zsh.includes(`('${name}') flags=(`), name)
})

t.test('a shell that nobody knows is a mistake', async t => {
  t.match(await cli(['completion', 'tcsh']), {
    code: 2,
    err: /"tcsh" is none of bash, zsh, fish$/m,
  })
  t.match(await cli(['completion']), { code: 2 })
})
