import t from 'tap'
import { CommandFailure } from '../../src/cli/command-failure.ts'
import { parseCommandLine } from '../../src/cli/command-line.ts'

t.test('a command line is a command, words, options and keys of the configuration', async t => {
  const argv = [
    'resolve',
    'nginx',
    '--explain',
    '-o',
    'json',
    '--resolve.timeout-ms',
    '500',
    '--data-dir=/d',
  ]
  const { command, words, options, flags } = parseCommandLine(argv)
  t.equal(command?.name, 'resolve')
  t.strictSame(words, ['nginx'])
  t.strictSame(options, { explain: 'true', output: 'json' })
  t.strictSame(flags, [
    { name: 'resolve.timeout-ms', text: '500' },
    { name: 'data-dir', text: '/d' },
  ])
})

t.test('a key is written in either spelling, and a switch in three ways', async t => {
  const { flags } = parseCommandLine([
    'serve',
    '--resolve.timeoutMs=1',
    '--store.complete-tags',
    '--store.completeTags=false',
    '--no-store.complete-tags',
  ])
  t.strictSame(flags, [
    { name: 'resolve.timeoutMs', text: '1' },
    { name: 'store.complete-tags', text: undefined },
    { name: 'store.completeTags', text: 'false' },
    { name: 'store.complete-tags', text: 'false' },
  ])
})

t.test('a value may begin with one dash', async t => {
  t.strictSame(parseCommandLine(['serve', '--node.name', '-x']).flags, [
    { name: 'node.name', text: '-x' },
  ])
})

t.test('help is asked for before or after the command', async t => {
  for (const argv of [
    ['help', 'why'],
    ['why', '--help'],
    ['-h', 'why'],
  ]) {
    const { command, options } = parseCommandLine(argv)
    t.equal(command?.name, 'why')
    t.equal(options['help'], 'true')
  }
  t.equal(parseCommandLine(['help']).command, undefined)
})

t.test('what is wrong is told with the nearest right', async t => {
  const wrong: [argv: string[], message: RegExp][] = [
    [['mesh', 'stats'], /"mesh stats" is no command; did you mean mesh status\?/],
    [['mesh', 'nonsense'], /wants one word more: holdfast mesh status, /],
    [['reslove'], /"reslove" is no command; did you mean resolve\?/],
    [['xyzzy'], /holdfast --help lists the commands/],
    [['resolve', 'x', '--explian'], /--explian is no option; did you mean --explain\?/],
    [['serve', '--explain'], /--explain is no option of serve; holdfast serve --help lists/],
    [['tags', '--node', 'galley'], /--node is no option of tags; .* --address/],
    [['unpin', 'x', '--note', 'done'], /--note is no option of unpin; holdfast unpin --help/],
    [['serve', '--resolve.timeout'], /did you mean --resolve.timeout-ms\?/],
    [['serve', '--zzzzzzzz'], /holdfast serve --help lists the options/],
    [['serve', '--no-mode'], /--no-mode is no option/],
    [['serve', '--config'], /--config needs a value/],
    [['serve', '--config', '--mode'], /--config needs a value/],
    [['serve', '--mode'], /--mode needs a value/],
    [['resolve', 'x', '--explain=yes'], /--explain takes no value/],
  ]
  for (const [argv, message] of wrong) {
    try {
      parseCommandLine(argv)
      t.fail(`${argv.join(' ')} is taken`)
    } catch (error) {
      t.ok(error instanceof CommandFailure && error.code === 'usage', argv.join(' '))
      t.match(error, { message }, argv.join(' '))
    }
  }
})

t.test('a number after --watch is told to be joined to it', async t => {
  const typed =
    (...argv: string[]) =>
    () =>
      parseCommandLine(argv)
  t.throws(typed('pins', '--watch', '1'), { code: 'usage', message: /write --watch=1$/ })
  t.throws(typed('status', '--watch', '0.5'), { message: /write --watch=0.5$/ })
  t.strictSame(parseCommandLine(['pins', '--watch', 'nginx']).words, ['nginx'])
  t.match(parseCommandLine(['pins', '--watch=1']), { options: { watch: '1' }, words: [] })
})
