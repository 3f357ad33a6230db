import { createHash } from 'node:crypto'
import { readFileSync, renameSync } from 'node:fs'
import type { Log } from '../../ports/log.ts'
import { asideName, isMissing, writeFileAtomically } from './durable-file.ts'

/** What tells one machine from another. */
export interface Machine {
  /** Where the system keeps the machine's id; `/etc/machine-id` when absent. */
  readonly idFile?: string
  /** The node's name, where it is one that stays: copies of a disk image often share a machine id. */
  readonly name?: string | undefined
}

/**
 * A disk that was copied with its key makes two nodes of one: both sign as the same origin. So the key is bound to the machine, by a
 * file beside it; on another machine it is moved aside. Where the machine has no id of its own nothing is bound.
 */
export function releaseForeignKey(
  keyFile: string,
  machine: Machine,
  needs: { readonly log: Log; readonly nowMs: number },
): void {
  const here = fingerprint(machine)
  if (here === undefined) return
  const file = `${keyFile}.machine`
  const bound = readText(file)
  if (bound === here) return
  if (bound !== undefined) moveAside(keyFile, needs)
  try {
    writeFileAtomically(file, Buffer.from(`${here}\n`), 0o600)
  } catch (err) {
    needs.log.warn({ file, err }, 'node key not bound to this machine')
  }
}

function moveAside(
  keyFile: string,
  { log, nowMs }: { readonly log: Log; readonly nowMs: number },
): void {
  const aside = asideName(keyFile, nowMs, 'of-another-machine')
  try {
    renameSync(keyFile, aside)
    log.error(
      { file: keyFile, aside },
      'node key is of another machine: this node gets a key of its own. If the other one is gone for good, stop this node and move the file back',
    )
  } catch (err) {
    if (!isMissing(err)) log.error({ file: keyFile, err }, 'node key of another machine not moved')
  }
}

function fingerprint({ idFile = '/etc/machine-id', name = '' }: Machine): string | undefined {
  const id = readText(idFile)
  // systemd writes "uninitialized" into images. https://www.freedesktop.org/software/systemd/man/latest/machine-id.html
  if (id === undefined || !/^[0-9a-f]{32}$/.test(id)) return undefined
  // The id itself is not to be shown: machine-id(5).
  return createHash('sha256').update(`holdfast node key\n${id}\n${name}`).digest('hex')
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}
