import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import type { Entry } from './entry.ts'

/** Whether an entry is wanted; a file that is not is not read. */
export type Wanted = (path: string, type: Entry['type']) => boolean

/** The files, directories and links of a Debian package that are wanted. Nothing is written, so nobody has to be root. Needs `dpkg-deb`. */
export function unpackDeb(deb: string, wanted: Wanted): Promise<readonly Entry[]> {
  return finished(['dpkg-deb', '--fsys-tarfile', deb], output => unpackTar(output, wanted))
}

/** What a Debian package says of itself, as its control file has it. */
export function readControl(deb: string): Promise<string> {
  return finished(['dpkg-deb', '--field', deb], text)
}

/** What is wanted of a package of npm; paths without `package/` before them. */
export function unpackNpm(tgz: string, wanted: Wanted): Promise<readonly Entry[]> {
  const inPackage = (path: string) => path.replace(/^[^/]+\//, '')
  const tar = createReadStream(tgz)
  const unpacked = createGunzip()
  tar.on('error', error => unpacked.destroy(error))
  return unpackTar(tar.pipe(unpacked), (path, type) => wanted(inPackage(path), type)).then(
    entries => entries.map(entry => ({ ...entry, path: inPackage(entry.path) })),
  )
}

async function unpackTar(tar: Readable, wanted: Wanted): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  const reading = extract()
  tar.on('error', error => reading.destroy(error))
  for await (const entry of tar.pipe(reading)) {
    const kind = kindOf(entry.header)
    const path = entry.header.name.replace(/^\.\//, '').replace(/\/$/, '')
    if (path === '' || path === '.' || !wanted(path, kind)) {
      entry.resume()
      continue
    }
    const { mode = 0o644, linkname } = entry.header
    entries.push({
      path,
      type: kind,
      mode: mode & 0o7777,
      ...(kind === 'file' && { data: await buffer(entry) }),
      ...(linkname && { target: linkname }),
    })
  }
  return entries
}

function kindOf({ name, type }: Header): Entry['type'] {
  if (type === 'file' || type === 'directory' || type === 'symlink') return type
  throw new Error(`${name} is a ${type}, which the image has no use for`)
}

/** Runs a command and reads what it prints; rejects when it fails. */
async function finished<T>(
  [command = '', ...args]: readonly string[],
  read: (output: Readable) => Promise<T>,
): Promise<T> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const [code, said, result] = await Promise.all([ended, text(child.stderr), read(child.stdout)])
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${code} ${said}`)
  return result
}
