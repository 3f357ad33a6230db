import type { CommandContext, Option } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import { readDuration } from './read-time.ts'

/** Of every command about one node. */
export const nodeOption: Option = {
  name: 'node',
  value: 'NODE',
  summary:
    'of that node: a name of `holdfast peers`, its id or the beginning of it; by default the one that is asked',
}

/** Of every command that can be asked of all nodes at once. */
export const nodesOption: Option = {
  ...nodeOption,
  value: 'NODE|all',
  summary: `${nodeOption.summary}; all: of every one that is known, in one table`,
}

/** Of what an operator sets for a while. */
export const forOption: Option = {
  name: 'for',
  value: 'DURATION',
  summary: 'how long, as 30m, 12h or 7d; by default until it is set anew',
}

/** Where what concerns a node is in the API. Throws `CommandFailure` with `usage`. */
export function nodePath({ options }: CommandContext, what: string): string {
  const name = options['node'] ?? 'self'
  if (name !== '' && name !== '.' && name !== '..') {
    return `/api/v1/nodes/${encodeURIComponent(name)}/${what}`
  }
  throw new CommandFailure('usage', '--node needs a name; `holdfast peers` lists them')
}

/** `--for` in whole seconds. Throws `CommandFailure` with `usage`. */
export function readFor(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return Math.round(readDuration('--for', text, { like: '30m, 12h or 7d', atLeastMs: 500 }) / 1_000)
}

/** `--for` only where something is set. Throws `CommandFailure` with `usage`. */
export function noForWithout({ options }: CommandContext, word: string): void {
  if (options['for'] === undefined) return
  throw new CommandFailure('usage', `--for says how long ${word} is set: name one`)
}
