import { createHash } from 'node:crypto'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HostsFault, type HostsToml, readHosts } from './hosts-toml.ts'
import { backupPath, type JournalEntry } from './journal.ts'
import { codeOf, ifThere } from './whole-file.ts'

/** What containerd finds for one registry. */
export interface Found {
  /** Name of the directory. */
  readonly directory: string
  /** Of its `hosts.toml`, whether it is there or not. */
  readonly path: string
  readonly hasDirectory: boolean
  /** Absent: no file. */
  readonly file: HostsToml | HostsFault | undefined
  readonly sha256: string | undefined
  /** `aside`: another file was there before install. `in-place`: the same, for install was cut short before it was replaced. */
  readonly backup: 'none' | 'aside' | 'in-place'
  /** What lies aside. */
  readonly before: HostsToml | HostsFault | undefined
  /** Files of the old form (`*.crt`, `*.cert`, `*.key`), which containerd reads only while there is no `hosts.toml`. */
  readonly certificates: readonly string[]
}

/** To whom a file belongs. `edited`: written by us, and changed since. */
export type Owner = 'nobody' | 'holdfast' | 'edited' | 'k3s' | 'other'

/** Looks where containerd would look for a registry: `host_port_` before `host:port`. */
export async function findDirectory(certsDir: string, registry: string): Promise<Found> {
  const [underscored, plain] = directoryNames(registry)
  const isThere = (await ifThere(lstat(join(certsDir, underscored)))) !== undefined
  return look(certsDir, isThere ? underscored : plain)
}

/** Looks into a directory by its name. */
export async function look(certsDir: string, directory: string): Promise<Found> {
  const path = join(certsDir, directory, 'hosts.toml')
  const names = await ifThere(readdir(join(certsDir, directory)))
  const entry = await ifThere(lstat(path))
  // A link that leads nowhere is a file that says nothing.
  const text = entry && ((await ifThere(readText(path))) ?? '')
  const backup = backupPath(certsDir, directory)
  const kept = await ifThere(lstat(backup))
  const before = await ifThere(readFile(backup, 'utf8'))
  return {
    directory,
    path,
    hasDirectory: names !== undefined,
    file: typeof text === 'string' ? readHosts(text) : text,
    sha256: typeof text === 'string' ? sha256(text) : undefined,
    backup: kept === undefined ? 'none' : kept.ino === entry?.ino ? 'in-place' : 'aside',
    before: before === undefined ? undefined : readHosts(before),
    certificates: (names ?? []).filter(name => /\.(crt|cert|key)$/.test(name)),
  }
}

/** What is no file, and never will be one, says nothing to containerd. */
async function readText(path: string): Promise<string | HostsFault> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'EISDIR') return { problem: 'it is a directory' }
    if (codeOf(error) === 'ELOOP') return { problem: 'its links have no end' }
    throw error
  }
}

/** Whose file it is, by its hash and header. */
export function ownerOf({ file, sha256: hash }: Found, entry: JournalEntry | undefined): Owner {
  if (file === undefined) return 'nobody'
  if (hash === undefined) return 'other'
  if (entry?.written.includes(hash) || entry?.upstream === hash) return 'holdfast'
  if ('problem' in file) return 'other'
  return file.author === 'holdfast' ? 'edited' : file.author
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** https://github.com/containerd/containerd/blob/v2.1.0/core/remotes/docker/config/config_unix.go */
function directoryNames(registry: string): readonly [string, string] {
  const colon = registry.lastIndexOf(':')
  return colon <= 0
    ? [registry, registry]
    : [`${registry.slice(0, colon)}_${registry.slice(colon + 1)}_`, registry]
}
