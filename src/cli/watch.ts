import { setTimeout as pause } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import type { CommandContext, RunCommand } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import type { ExitCode } from './exit-codes.ts'

/** How often it is asked anew, s, unless `--watch=SECONDS` says. */
const usualSeconds = 2

/** How often `--watch` asks, ms; `undefined`: it is not given. Throws `CommandFailure` with `usage`. */
export function readWatch(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = text === 'true' ? usualSeconds : Number(text)
  if (/^\d{1,4}(\.\d{1,3})?$/.test(String(seconds)) && seconds >= 0.1) return seconds * 1_000
  throw new CommandFailure('usage', `--watch=${text} is no number of seconds from 0.1 to 9999`)
}

/** What is said where the node is away; it may come back. */
const passing: readonly ExitCode[] = ['unreachable', 'failed']

/**
 * Runs a command again and again until `stop`, and shows what it prints in the place of what it printed before; on what is no terminal one
 * below the other, and YAML as documents of one stream. A node that does not answer is told, on standard error where documents are written, and
 * asked again: it may be restarting. Throws as the command does for all else.
 */
export async function watch(
  run: RunCommand,
  context: CommandContext,
  { everyMs, stop }: { readonly everyMs: number; readonly stop: AbortSignal },
): Promise<ExitCode> {
  const { terminal } = context
  while (!stop.aborted) {
    const size = terminal.size?.()
    const output = size === undefined ? context.options['output'] : undefined
    const isDocument = output === 'json' || output === 'yaml'
    const frame = await frameOf(run, context, isDocument ? terminal.err : undefined)
    if (stop.aborted) break
    terminal.out(size === undefined ? below(frame, output) : drawn(frame, size))
    await pause(everyMs, undefined, { signal: stop }).catch(() => {})
  }
  return 'ok'
}

/** @param tell takes what keeps the command from its node; absent: the frame has it */
async function frameOf(
  run: RunCommand,
  context: CommandContext,
  tell: ((text: string) => void) | undefined,
): Promise<string> {
  let frame = ''
  const out = (text: string) => {
    frame += text
  }
  try {
    await run({ ...context, terminal: { ...context.terminal, out } })
    return frame
  } catch (error) {
    if (!(error instanceof CommandFailure) || !passing.includes(error.code)) throw error
    const told = `holdfast: ${error.message}\n`
    if (tell === undefined) return told
    tell(told)
    return ''
  }
}

function below(frame: string, output: string | undefined): string {
  if (frame === '') return ''
  return output === 'yaml' ? `---\n${frame}` : `${frame}\n`
}

/** Line by line over what stands there, so that nothing flickers; what does not fit is counted. */
function drawn(frame: string, size: { readonly columns: number; readonly rows: number }): string {
  const lines = frame.trimEnd().split('\n')
  const room = Math.max(1, size.rows - 1)
  const more = lines.length - room
  const shown = more > 0 ? [...lines.slice(0, room - 1), `… ${more + 1} lines more`] : lines
  const cut = shown.map(line => {
    const bare = stripVTControlCharacters(line)
    return bare.length > size.columns ? `${bare.slice(0, size.columns - 1)}…` : line
  })
  return `\x1b[H${cut.map(line => `${line}\x1b[K\n`).join('')}\x1b[J`
}
