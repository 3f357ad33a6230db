import { access, constants, readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { codeOf, ifThere } from '../adapters/containerd-setup/whole-file.ts'
import { blobFiles } from '../adapters/disk/own-files.ts'
import { removeOwnFiles } from '../adapters/disk/remove-own-files.ts'
import { faultFiles } from '../adapters/drop-folder/own-files.ts'
import { claimDirectory } from '../adapters/sqlite/claim-directory.ts'
import { isClaimFile, ledgerFiles } from '../adapters/sqlite/own-files.ts'
import type { RemovedDirectory, UninstallNode } from '../cli/uninstall-node.ts'
import type { Config } from '../config/config.ts'
import { isAdminTokenFile } from '../http/admin/admin-token.ts'
import { HoldfastError } from '../ports/errors.ts'
import { silentLog } from '../ports/log.ts'
import { lockFile, type OwnFiles } from '../ports/own-files.ts'
import { findContainerd } from './containerd-place.ts'
import { openContainerdSetup } from './containerd-setup.ts'

/** A directory that may be ours. */
interface Place {
  readonly directory: string
  readonly own: OwnFiles
}

/** Between two attempts, ms. */
const tryEveryMs = 250

/** What a store keeps in a directory that it claims. */
const storeFiles: OwnFiles = {
  ...blobFiles,
  isFile: name => isClaimFile(name) || blobFiles.isFile(name),
}

const folders: ReadonlyMap<string, OwnFiles> = new Map([
  ['blobs', storeFiles],
  ['drop-errors', faultFiles],
])

/** What a node keeps in its data directory. */
const dataFiles: OwnFiles = {
  isFile: name =>
    ledgerFiles.isFile(name) || isAdminTokenFile('admin.token', name) || name === 'admin.sock',
  folder: name => folders.get(name) ?? ledgerFiles.folder?.(name),
}

/**
 * Leaves the machine as it was before: in this order, so that what fails can be tried again. No node may start meanwhile: its directories are
 * claimed first. Rejects with `directory-in-use` while one runs, and with `config-invalid` where data that is to go lies on a read-only
 * disk, and then has changed nothing.
 */
export const uninstallNode: UninstallNode = async (config, { keepData, force, waitMs }) => {
  await using claims = new AsyncDisposableStack()
  const places = placesOf(config)
  // Asked once: where a node starts meanwhile for the first time is not claimed, and stays.
  const claimed = new Set<Place>()
  for (const place of places) if (await isOurs(place)) claimed.add(place)
  for (const { directory } of claimed) {
    if (!keepData) await demandWritable(directory)
    await claim(directory, waitMs, claims)
  }
  const setup = await openContainerdSetup(config)
  const hosts = await setup.uninstall({ force })
  if (hosts.some(({ outcome }) => outcome === 'refused')) return { hosts }
  const { socket } = await findContainerd(config)
  const { letGoOfImages } = await import('../adapters/containerd/let-go.ts') // loads gRPC
  const { namespace } = config.containerd
  const images = await letGoOfImages({ socket, namespace })
  const data: RemovedDirectory[] = []
  for (const place of places) data.push(await take(place, claimed.has(place), keepData))
  return { hosts, containerd: { socket, ...images }, data }
}

/** The blobs may lie elsewhere. */
function placesOf({ dataDir, store }: Config): readonly Place[] {
  const [data, blobs] = [resolve(dataDir), resolve(store.dir)]
  const all = [
    { directory: blobs, own: storeFiles },
    { directory: data, own: dataFiles },
  ]
  return blobs === join(data, 'blobs') ? all.slice(1) : all
}

const isOurs = async ({ directory }: Place): Promise<boolean> =>
  (await ifThere(stat(join(directory, lockFile)))) !== undefined

/** What cannot be written cannot be claimed either. */
async function demandWritable(directory: string): Promise<void> {
  try {
    await access(directory, constants.W_OK)
  } catch (error) {
    if (codeOf(error) !== 'EROFS') throw error
    const cure = 'mount it for writing, or leave it with --keep-data'
    const what = `${directory} cannot be written: its file system is read-only; ${cure}; nothing was changed`
    throw new HoldfastError('config-invalid', what, error)
  }
}

async function claim(
  directory: string,
  waitMs: number,
  claims: AsyncDisposableStack,
): Promise<void> {
  const untilMs = performance.now() + waitMs
  for (;;) {
    try {
      const claimed = claimDirectory(directory, silentLog)
      claims.defer(() => claimed.close())
      return
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'directory-in-use') throw error
      if (performance.now() > untilMs) {
        const what = `a node is running in ${directory}: stop it first; nothing was changed`
        throw new HoldfastError('directory-in-use', what, error)
      }
    }
    await wait(tryEveryMs)
  }
}

async function take(
  { directory, own }: Place,
  isClaimed: boolean,
  isKept: boolean,
): Promise<RemovedDirectory> {
  if (!isClaimed) {
    const names = (await ifThere(readdir(directory))) ?? []
    return { path: directory, outcome: names.length === 0 ? 'absent' : 'foreign' }
  }
  if (isKept) return { path: directory, outcome: 'kept' }
  return { path: directory, outcome: 'removed', ...(await removeOwnFiles(directory, own)) }
}
