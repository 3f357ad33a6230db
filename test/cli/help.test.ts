import t from 'tap'
import { commands, optionsOf } from '../../src/cli/commands.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { commandHelp, globalHelp } from '../../src/cli/help.ts'
import { topics } from '../../src/cli/topics.ts'
import { keys } from '../../src/config/keys.ts'

t.test('help names every command and every exit code', async t => {
  const help = globalHelp()
  for (const { name, summary } of commands)
    t.match(help, new RegExp(`^  ${name} +${summary}$`, 'm'))
  for (const { code, meaning } of Object.values(exitCodes))
    t.match(help, new RegExp(`^  ${code} +${meaning}`, 'm'))
})

t.test('help names the options of asking a node, and what can be watched', async t => {
  const [, options = ''] = globalHelp().split('Options of every command that asks a node:')
  for (const name of ['address', 'token-file', 'ca-file']) t.match(options, `\n  --${name} `)
  const watched = options.split('--watch[=SECONDS]')[1]?.split('\n\n')[0]
  for (const { name, isWatchable } of commands) {
    if (isWatchable === true) t.match(watched, new RegExp(`[ ,]${name}(,|$)`), name)
  }
})

t.test('help lists every command once, under what it is about', async t => {
  const help = globalHelp()
  for (const { name } of commands) {
    t.equal(help.match(new RegExp(`^  ${name} {2,}`, 'gm'))?.length, 1, name)
  }
  const firstWords = topics.flatMap(([, words]) => words)
  t.equal(new Set(firstWords).size, firstWords.length)
  for (const [title, [first = '']] of topics) t.match(help, new RegExp(`\n\n${title}:\n  ${first}`))
  for (const line of help.split('\n')) t.ok(line.length <= 130, line)
})

t.test('help of a command names its options, examples and exit codes', async t => {
  for (const command of commands) {
    const help = commandHelp(command)
    for (const { name } of optionsOf(command))
      t.match(help, `--${name}`, `${command.name} --${name}`)
    for (const { line } of command.examples) t.match(help, line)
    const codes = [...(help.split('Exit codes:')[1] ?? '').matchAll(/^ {2}(\d+) /gm)]
    const wanted = command.exitCodes.map(name => exitCodes[name].code)
    t.strictSame(
      codes.map(([, code]) => Number(code)),
      [...new Set(wanted)].sort((a, b) => a - b),
      command.name,
    )
    for (const name of command.exitCodes) t.match(help, exitCodes[name].meaning.slice(0, 40))
    for (const line of help.split('\n')) t.ok(line.length <= 130, line)
  }
})

t.test('help of serve lists every key as a flag', async t => {
  const serve = commands.find(({ name }) => name === 'serve')
  const help = serve === undefined ? '' : commandHelp(serve)
  for (const { flag, isGroup } of keys)
    if (!isGroup) t.match(help, new RegExp(`^  --${flag}( |$)`, 'm'))
  t.match(help, /--log.level info\n.*One of debug, info, warn, error\./)
})

t.test('the code of every command loads, and its examples name it', async t => {
  for (const command of commands) {
    t.type((await command.load()).run, 'function', command.name)
    for (const { line } of command.examples) t.match(line, `holdfast ${command.name}`)
  }
})
