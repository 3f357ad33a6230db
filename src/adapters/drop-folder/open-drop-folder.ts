import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { watch } from 'chokidar'
import type { DropFault, DroppedFile, DroppedFiles } from '../../ports/dropped-files.ts'
import type { Log } from '../../ports/log.ts'
import { findWriters } from './find-writers.ts'
import { isFolderOfK3s, refuseFolderOfK3s } from './folder-of-k3s.ts'

/** Files looked at in one folder; who drops more drops too many. */
const maxFiles = 10_000
/** Folders below the folder that are looked into. */
const maxDepth = 8
/** Bytes read at a time. */
const pieceBytes = 256 * 1024

/**
 * Watches a folder, which may be absent for a time (a stick that is not in). Rejects with `config-invalid` for K3s' own folder.
 *
 * @param errorDir where faults are told when the folder cannot be written
 */
export async function openDropFolder({
  path,
  errorDir,
  log,
}: {
  readonly path: string
  readonly errorDir: string
  readonly log: Log
}): Promise<DroppedFiles> {
  await refuseFolderOfK3s(path)
  const watcher = watch(path, {
    ignoreInitial: true,
    followSymlinks: false,
    depth: maxDepth,
    ignored: file => file !== path && isPassedOver(file),
  })
  watcher.on('error', err =>
    log.warn({ path, err }, 'the drop folder is not watched, only looked at'),
  )

  /** Beside the file, and in our own directory. */
  const placesOf = (name: string) => [
    join(path, dirname(name), faultName(basename(name))),
    join(errorDir, dirname(name), faultName(basename(name))),
  ]

  async function tell(name: string, fault: DropFault): Promise<void> {
    const [beside = '', ours = ''] = placesOf(name)
    try {
      await write(beside, fault)
    } catch {
      await mkdir(dirname(ours), { recursive: true })
      await write(ours, fault)
    }
  }

  async function takeBack(name: string): Promise<void> {
    for (const place of placesOf(name)) {
      // Where nothing can be written nothing was.
      await rm(place, { force: true }).catch(() => {})
    }
  }

  /** Files that were being written when it was looked last. */
  let waiting: ReadonlySet<string> = new Set()
  const told = new Set<string>()
  /** Once: whoever put it there waits for it. */
  const passOver = (file: string, why: string): void => {
    if (told.has(file) || told.size >= maxFiles) return
    told.add(file)
    log.warn({ file }, `passed over in the drop folder: ${why}`)
  }

  return {
    list: () => listFiles(path, log, passOver),
    async beingWritten(names) {
      const files = new Map(names.map(name => [join(path, name), name]))
      const writers = await findWriters([...files.keys()])
      for (const [file, by] of writers) {
        if (waiting.has(file)) continue
        log.info({ file, by }, 'a dropped file waits for whoever is writing it to close it')
      }
      waiting = new Set(writers.keys())
      return new Set([...waiting].flatMap(file => files.get(file) ?? []))
    },
    open: name => read(join(path, name)),
    async tell(name, fault) {
      try {
        if (fault !== undefined) await tell(name, fault)
        else await takeBack(name)
      } catch (err) {
        log.warn({ file: name, err }, 'what is wrong with a dropped file could not be written down')
      }
    },
    onChange(listener) {
      watcher.on('all', listener)
      return () => void watcher.off('all', listener)
    },
    close: () => watcher.close(),
  }
}

/** Longer names have no room for the ending behind them, bytes. */
const maxNameBytes = 200

/** What is told of a file lies under this name. */
function faultName(name: string): string {
  if (Buffer.byteLength(name) <= maxNameBytes) return `${name}.error.json`
  const rest = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return `${[...name].slice(0, maxNameBytes / 4).join('')}-${rest}.error.json`
}

/** Whoever may write here may put links here: none is written through. */
async function write(file: string, fault: DropFault): Promise<void> {
  const temporary = `${file}.new`
  await rm(temporary, { force: true })
  await writeFile(temporary, `${JSON.stringify(fault, undefined, 2)}\n`, { flag: 'wx' })
  await rename(temporary, file)
}

/** What took the place of the file since it was listed is not followed when it is a link, nor waited for when it is a pipe. */
async function* read(path: string): AsyncGenerator<Uint8Array> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, flags)
  yield* file.createReadStream({ highWaterMark: pieceBytes })
}

/** Told of what is there and will not be taken. */
type PassOver = (file: string, why: string) => void

async function listFiles(
  root: string,
  log: Log,
  passOver: PassOver,
): Promise<readonly DroppedFile[]> {
  const found: DroppedFile[] = []
  let folders: readonly string[] = [root]
  for (let depth = 0; depth <= maxDepth && folders.length > 0; depth++) {
    const below: string[] = []
    for (const folder of folders.slice(0, maxFiles)) {
      const { files, subfolders } = await listFolder(folder, passOver)
      found.push(...(await statAll(root, files, passOver)))
      below.push(...subfolders)
    }
    folders = below
  }
  if (found.length > maxFiles) {
    log.warn(
      { path: root, files: found.length },
      `the drop folder holds more than ${maxFiles} files`,
    )
  }
  return found.slice(0, maxFiles)
}

async function listFolder(
  folder: string,
  passOver: PassOver,
): Promise<{ readonly files: readonly string[]; readonly subfolders: readonly string[] }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const pathOf = ({ name }: { readonly name: string }) => join(folder, name)
  for (const entry of entries.filter(one => one.isSymbolicLink())) {
    if (!entry.name.startsWith('.'))
      passOver(pathOf(entry), 'it is a link, and those lead anywhere')
  }
  return {
    files: entries.filter(entry => entry.isFile()).map(pathOf),
    subfolders: entries
      .filter(entry => entry.isDirectory())
      .map(pathOf)
      .filter(path => !isPassedOver(path)),
  }
}

async function statAll(
  root: string,
  files: readonly string[],
  passOver: PassOver,
): Promise<readonly DroppedFile[]> {
  const found: DroppedFile[] = []
  for (const file of files) {
    const stats = await lstat(file).catch(() => undefined)
    if (stats === undefined) {
      // It went, or its name is not what was read.
      if (file.includes('\ufffd')) passOver(file, 'its name is not UTF-8: give it another')
      continue
    }
    const path = relative(root, file).split(sep).join('/')
    const [mtimeMs, ctimeMs] = [Math.floor(stats.mtimeMs), Math.floor(stats.ctimeMs)]
    found.push({ path, size: stats.size, mtimeMs, ctimeMs })
  }
  return found
}

/**
 * Where copying programs keep what is not complete, and trash cans, file systems and Syncthing what was here once. Two dots: there Kubernetes
 * keeps what it shows of a volume.
 */
const isHidden = (path: string): boolean => /^\.(?!\.)/.test(basename(path))

const isPassedOver = (path: string): boolean => isFolderOfK3s(path) || isHidden(path)
