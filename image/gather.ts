import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { makeBundles, unbundled } from '../scripts/build.ts'
import type { Ingredients } from './assemble.ts'
import type { Origin } from './config.ts'
import { type Architecture, architectures } from './entry.ts'
import { archiveOfMachine, defaultCache } from './fetch.ts'
import { readInputs } from './inputs.ts'
import { packageOf, readLock } from './modules.ts'

/** Time and commit: as the environment says, else of the checkout's last commit. */
async function readOrigin(root: string, env: NodeJS.ProcessEnv): Promise<Origin> {
  const git = async (format: string): Promise<string | undefined> => {
    const words = ['-C', root, 'log', '-1', `--format=${format}`]
    const { stdout } = await promisify(execFile)('git', words).catch(() => ({ stdout: '' }))
    return stdout.trim() || undefined
  }
  const time = env['SOURCE_DATE_EPOCH'] || (await git('%ct'))
  const revision = env['HOLDFAST_REVISION'] || (await git('%H'))
  if (time === undefined || !/^\d+$/.test(time)) {
    throw new Error('no commit is here to tell the time of: set SOURCE_DATE_EPOCH, in seconds')
  }
  return { timeS: Number(time), revision }
}

/** Which of them `--arch` names; all when it is not given. */
export function readArchitectures(given: readonly string[] | undefined): readonly Architecture[] {
  if (given === undefined) return architectures
  return given.map(word => {
    const found = architectures.find(name => name === word.replace(/^linux\//, ''))
    if (found === undefined) throw new Error(`--arch is ${architectures.join(' or ')}, not ${word}`)
    return found
  })
}

/** Builds the program, and finds all else that a package of it is made of. */
export async function gather(
  root: string,
  {
    inputs,
    cache = defaultCache,
    debian,
  }: {
    readonly inputs?: string | undefined
    readonly cache?: string | undefined
    readonly debian?: string | undefined
  },
): Promise<Ingredients> {
  const { outputs, sources } = await makeBundles()
  return {
    root,
    inputs: await readInputs(inputs),
    lock: await readLock(root),
    bundles: outputs,
    bundled: [...new Set(sources.map(packageOf).filter(path => path !== undefined))].sort(),
    unbundled,
    origin: await readOrigin(root, process.env),
    from: { cache, archive: debian ?? (await archiveOfMachine()) },
  }
}
