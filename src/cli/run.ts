import type { Origin } from '../config/faults.ts'
import type { Flag } from '../config/flags.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import type { Command, CommandContext, Parts, Terminal } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import { type CommandLine, parseCommandLine } from './command-line.ts'
import { commands, findCommand, globalOptions, optionsOf } from './commands.ts'
import { exitCodes } from './exit-codes.ts'
import { commandHelp, globalHelp, groupHelp } from './help.ts'
import { plainText } from './plain-text.ts'
import { terminalSize } from './terminal-size.ts'
import { readWatch, watch } from './watch.ts'

/** What a run sees of the world. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly terminal: Terminal
  /** Aborted when the person at the keyboard wants no more, or what read the output is gone; asked once. */
  interrupted?(): AbortSignal
}

const ofThisProcess: Surroundings = {
  env: process.env,
  terminal: {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY,
    size: () => terminalSize(process.stdout),
  },
  interrupted() {
    const stop = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
    process.stdout.once('error', () => stop.abort())
    return stop.signal
  },
}

/** Runs a command line (without `node` and the script) and returns the process's exit code. */
export async function runCli(
  argv: readonly string[],
  parts: Parts,
  { env, terminal, interrupted }: Surroundings = ofThisProcess,
): Promise<number> {
  try {
    const line = parseCommandLine(argv)
    const { words, options, flags } = line
    const command = options['version'] === undefined ? line.command : findCommand('version')
    if (options['help'] !== undefined) {
      const { group } = line
      const general = group === undefined ? globalHelp() : groupHelp(group)
      terminal.out(command === undefined ? general : commandHelp(command))
      return exitCodes.ok.code
    }
    if (command === undefined) {
      terminal.err(globalHelp())
      return exitCodes.usage.code
    }
    checkWords({ ...line, command })
    const { run } = await command.load()
    const context: CommandContext = {
      command: command.name,
      words,
      options,
      flags,
      env,
      terminal,
      parts,
      vocabulary: {
        commands: commands.map(one => ({ ...one, options: optionsOf(one) })),
        options: globalOptions,
      },
      write: await writerOf(formOf(command, options)),
      loadConfig: () => load(options, env, flags, terminal),
    }
    const everyMs = readWatch(options['watch'])
    if (everyMs === undefined) return exitCodes[await run(context)].code
    const stop = interrupted?.() ?? new AbortController().signal
    return exitCodes[await watch(run, context, { everyMs, stop })].code
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    terminal.err(`holdfast: ${plainText(error.message)}\n`)
    return exitCodes[error.code].code
  }
}

/** What `--output` says of the form; a command may have an option of that name for something else. */
function formOf(command: Command, options: Readonly<Record<string, string>>): string | undefined {
  return command.options.some(({ name }) => name === 'output') ? undefined : options['output']
}

/** Turns a result into a document, where one is asked for. */
async function writerOf(form: string | undefined): Promise<CommandContext['write']> {
  if (form === 'json') return value => `${JSON.stringify(value, null, 2)}\n`
  if (form !== 'yaml') return undefined
  const { writeYaml } = await import('./write-yaml.ts')
  return writeYaml
}

function checkWords({ command, words, options }: CommandLine): void {
  if (command === undefined) return
  const { min, max } = command.words
  const usage = `usage: holdfast ${command.name} ${command.usage}`.trim()
  const surplus = words[max]
  if (words.length < min) throw new CommandFailure('usage', `something is missing; ${usage}`)
  if (surplus !== undefined) {
    throw new CommandFailure('usage', `${JSON.stringify(surplus)} is one word too many; ${usage}`)
  }
  if (!['text', 'json', 'yaml', undefined].includes(formOf(command, options))) {
    throw new CommandFailure('usage', '--output is text, json or yaml')
  }
}

function load(
  options: Readonly<Record<string, string>>,
  env: Surroundings['env'],
  flags: readonly Flag[],
  { isTerminal }: Terminal,
): Promise<LoadedConfig> {
  return loadConfig({ file: configFile(options['config'], env), env, flags, isTerminal })
}

function configFile(
  option: string | undefined,
  env: Surroundings['env'],
): { path: string; origin: Origin } | undefined {
  if (option !== undefined) return { path: option, origin: { kind: 'flag', name: '--config' } }
  const path = env['HOLDFAST_CONFIG']
  if (path === undefined || path === '') return undefined
  return { path, origin: { kind: 'variable', name: 'HOLDFAST_CONFIG' } }
}
