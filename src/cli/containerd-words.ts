import type { CommandContext } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import type { ContainerdSetup, Fallback } from './containerd-setup.ts'
import { requireConfig } from './require-config.ts'

const fallbacks: readonly Fallback[] = ['auto', 'upstream', 'none']

/** Reads `--fallback`. Throws `CommandFailure` with `usage`. */
export function fallbackOf(text: string | undefined): Fallback | undefined {
  const found = fallbacks.find(one => one === text)
  if (found !== undefined || text === undefined) return found
  const message = `--fallback ${JSON.stringify(text)}: there are upstream, none and auto`
  throw new CommandFailure('usage', message)
}

/** Reads `--target`: URLs between commas. Throws `CommandFailure` with `usage`. */
export function readTargets(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .filter(target => target !== '')
    .map(target => {
      const url = URL.parse(target)
      if (url !== null && /^https?:$/.test(url.protocol)) return target.replace(/\/+$/, '')
      const message = `--target ${JSON.stringify(target)} is no http:// or https:// URL`
      throw new CommandFailure('usage', message)
    })
}

/** Opens what the configuration says of containerd. Throws `CommandFailure`. */
export async function openSetup(context: CommandContext): Promise<ContainerdSetup> {
  const config = await requireConfig(context)
  const { openContainerdSetup } = await context.parts.loadContainerdSetup()
  return orFail(openContainerdSetup(config))
}

/** A registry with what became of its file, as a row. */
export function outcomeRow(item: {
  readonly outcome: string
  readonly path: string
  readonly reason?: string
}): string[] {
  const { outcome, path, reason } = item
  return [outcome, reason === undefined ? path : `${path}: ${reason}`]
}

/** What goes wrong with files is theirs or the user's fault, and its message says so. @param whyDenied said where it was not allowed */
export async function orFail<T>(
  work: Promise<T>,
  whyDenied = 'the files of containerd are those of root',
): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    const isDenied = error.code === 'EACCES' || error.code === 'EPERM'
    const cure = isDenied ? `; ${whyDenied}: run it as root` : ''
    throw new CommandFailure('failed', `${error.message}${cure}`, error)
  }
}
