import type { CommandContext, KeyFiles, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { print } from '../print.ts'
import { describeFaults } from '../require-config.ts'

const steps = ['add', 'promote', 'drop'] as const
type Step = (typeof steps)[number]

/** `holdfast mesh secret` */
export const run: RunCommand = async context => {
  const step = readStep(context.options['rotate'])
  const files = await context.parts.loadKeyFiles()
  if (step !== undefined) await rotate(context, files, step)
  else if (context.options['file'] === undefined) printKey(context, files)
  else await create(context, files, context.options['file'])
  return 'ok'
}

function readStep(text: string | undefined): Step | undefined {
  const step = steps.find(one => one === text)
  if (step !== undefined || text === undefined) return step
  const message = `--rotate ${JSON.stringify(text)} is no step: there are ${steps.join(', ')}`
  throw new CommandFailure('usage', message)
}

function printKey(context: CommandContext, { generateKeyText }: KeyFiles): void {
  const key = generateKeyText()
  print(context, { key }, () => [key])
}

async function create(context: CommandContext, files: KeyFiles, file: string): Promise<void> {
  const { keyIds } = await orFail(files.createKeyFile(file))
  print(context, { file, keyIds }, () => [
    `${file} holds the new key ${keyIds.join(' ')}`,
    'Give every node the same file, named by mesh.secretFile, readable by Holdfast alone.',
  ])
}

async function rotate(context: CommandContext, files: KeyFiles, step: Step): Promise<void> {
  const file = context.options['file'] ?? (await configuredFile(context))
  const { keyIds, isChanged } = await orFail(files.rotateKeyFile(file, step))
  const [first = '', ...others] = keyIds
  print(context, { file, step, isChanged, keyIds }, () => [
    `${file}${isChanged ? '' : ' is as it was: this step was taken before'}`,
    `  dials with     ${first}`,
    ...(others.length === 0 ? [] : [`  accepts also   ${others.join(' ')}`]),
    ...whatNow[step],
  ])
}

const whatNow: Readonly<Record<Step, readonly string[]>> = {
  add: [
    'Now give every node this file, also those that are off, before they come back.',
    'When every node has it, and `holdfast mesh status` names none that does not accept the new key: --rotate promote.',
  ],
  promote: [
    'Now give every node this file. When every node has it, and `holdfast mesh status` tells of',
    'nobody who dials with the old key any more: --rotate drop.',
  ],
  drop: ['Now give every node this file. Nodes that have no other key than the old one are out.'],
}

async function configuredFile(context: CommandContext): Promise<string> {
  const { config, faults } = await context.loadConfig()
  if (config === undefined) throw new CommandFailure('configInvalid', describeFaults(faults))
  const { secretFile } = config.mesh
  if (secretFile !== undefined) return secretFile
  throw new CommandFailure('usage', '--rotate needs --file FILE: mesh.secretFile names none')
}

/** What goes wrong with a file is the file's or the user's fault, and its message says so. */
async function orFail<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    throw new CommandFailure('failed', error.message, error)
  }
}
