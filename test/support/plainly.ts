import { type ChildProcess, spawn } from 'node:child_process'

/**
 * What a command is run through so that nothing of the test runner runs in it. tap has every Node that a test starts, and every one that those
 * start, load a recorder: it takes longer to load than Holdfast. `env` becomes the command, so pid, streams and signals are the command's.
 */
export const plainly = ['env', '-u', 'NODE_OPTIONS'] as const

/** As `fork` of Node, without what the test runner adds. */
export function forkPlainly(modulePath: string, args: readonly string[] = []): ChildProcess {
  const [command, ...words] = [...plainly, process.execPath, modulePath, ...args]
  return spawn(command, words, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
}
