import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'

/** Why nothing can be mounted here; `false` when it can. */
export const skipMounting: string | false = mayMount() ? false : 'needs the right to mount'

function mayMount(): boolean {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

/** Runs a file of so many tests in a mount namespace of its own, so that no mount of ours is ever seen outside. It is given a directory. */
export async function runWithMounts(
  t: Test,
  file: string,
  { directory, tests }: { readonly directory: string; readonly tests: number },
): Promise<void> {
  const child = spawn(
    'unshare',
    ['-m', '--propagation', 'private', process.execPath, file, directory],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const output: Buffer[] = []
  child.stdout.on('data', chunk => output.push(chunk))
  const [code] = await once(child, 'close')
  const said = Buffer.concat(output).toString()
  t.equal(code, 0, said)
  t.match(said, new RegExp(`^1\\.\\.${tests}$`, 'm'), 'the tests did run')
}
