import { run, start, until } from './process.ts'

/** What lives between two starts of a machine: its mounts and its /run. Disk, network and processes are those of the test. */
export interface Machine {
  /** What a process of this machine is run through. */
  readonly within: readonly string[]
  /** Runs a command there to its end. Rejects with its output when it fails. */
  run(...words: readonly string[]): Promise<string>
  /** All of it is gone. Its processes are to be stopped before. */
  end(): Promise<void>
}

/** Starts a machine; whether it ended in order or by a power cut, the next one knows nothing of it but what is on the disk. */
export async function startMachine(): Promise<Machine> {
  const boot = 'mount -t tmpfs tmpfs /run && echo up && exec sleep infinity'
  const init = start('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', boot])
  await until('the machine is up', () => init.output().startsWith('up'))
  const within = ['nsenter', `--mount=/proc/${init.pid}/ns/mnt`, '--']
  const [command = '', ...args] = within
  return {
    within,
    run: (...words) => run(command, [...args, ...words]),
    async end() {
      await init.stop('SIGKILL')
    },
  }
}
