import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { mkdtemp, rmdir, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Whether file systems can be mounted here. */
export const canMount: boolean = process.getuid?.() === 0 && existsSync('/dev/loop-control')

/** Runs one of the system's own commands; throws when it fails. */
function runCommand(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/**
 * Mounts a file system for one test and tells where. It lies outside of the test's own directory, which is removed too early.
 *
 * @param what the arguments of mount(8) before the directory
 */
export async function mount(t: Test, what: readonly string[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-mount-'))
  runCommand('mount', ...what, dir)
  t.teardown(async () => {
    runCommand('umount', '-l', dir)
    await rmdir(dir)
  })
  return dir
}

/** A disk whose power can be cut: what the file system had not written to its image is gone. */
export async function openDisk(t: Test): Promise<{
  /** Where it is mounted. */
  readonly disk: string
  /** Mounts what a power cut at this moment would leave, and tells where. */
  readonly cutPower: () => Promise<string>
}> {
  const dir = t.testdir()
  const image = join(dir, 'image')
  await writeFile(image, '')
  await truncate(image, 64 * 2 ** 20)
  runCommand('mkfs.ext4', '-q', '-F', image)
  // Only an explicit sync writes: the file system's own comes every ten minutes.
  const disk = await mount(t, ['-o', 'loop,commit=600', image])
  let cuts = 0
  return {
    disk,
    async cutPower() {
      cuts += 1
      const left = join(dir, `left-${cuts}`)
      copyFileSync(image, left)
      return mount(t, ['-o', 'loop', left])
    },
  }
}
