/**
 * Builds the container image out of pinned packages of Debian and npm and this checkout: as an OCI archive for all processors, without a
 * registry or a container engine; or, for the Dockerfile, as the root file system for one.
 */
import { execFile } from 'node:child_process'
import { chown, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { buildBundles, unbundled } from '../scripts/build.ts'
import { writeArchive } from './archive.ts'
import { assemble, type Ingredients, type Part, packParts, sizeOf } from './assemble.ts'
import { labelsOf, type Origin, repository } from './config.ts'
import { type Architecture, architectures, arrange } from './entry.ts'
import { archiveOfMachine, defaultCache } from './fetch.ts'
import { readInputs } from './inputs.ts'
import { packageOf, readLock } from './modules.ts'
import { readManifest } from './program.ts'
import { sbomPath } from './sbom.ts'

const root = join(import.meta.dirname, '..')

const usage = `npm run image -- [OPTIONS]

  --out FILE         the archive; default holdfast-VERSION.oci.tar. One bill of materials a platform is written beside it
  --name NAME        full name of the image; default ${repository}:VERSION
  --arch ARCH        amd64 or arm64; may be repeated; default both
  --root-fs DIR      write the files of one --arch there, and no archive
  --cache DIR        where fetched packages stay (HOLDFAST_IMAGE_CACHE); default ~/.cache/holdfast-image
  --debian URL       archive of Debian packages, ending in /debian; default the one that this machine installs from
  --inputs FILE      what is pinned; default image/inputs.json

SOURCE_DATE_EPOCH (seconds) is the time of the image, HOLDFAST_REVISION its commit; by default those of the last commit.
`

/** Time and commit: as the environment says, else of the checkout's last commit. */
async function readOrigin(env: NodeJS.ProcessEnv): Promise<Origin> {
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

function readArchitectures(given: readonly string[] | undefined): readonly Architecture[] {
  if (given === undefined) return architectures
  return given.map(word => {
    const found = architectures.find(name => name === word.replace(/^linux\//, ''))
    if (found === undefined) throw new Error(`--arch is ${architectures.join(' or ')}, not ${word}`)
    return found
  })
}

/** Writes a root file system. Another owner than ourselves needs root. */
async function writeRoot(directory: string, parts: readonly Part[]): Promise<void> {
  for (const entry of arrange(parts.flatMap(({ entries }) => entries))) {
    const path = join(directory, entry.path)
    await mkdir(dirname(path), { recursive: true })
    if (entry.type === 'directory') await mkdir(path, { recursive: true, mode: entry.mode })
    else if (entry.type === 'symlink') await symlink(entry.target ?? '', path)
    else await writeFile(path, entry.data ?? '', { mode: entry.mode })
    if (entry.owner !== undefined) await chown(path, entry.owner, entry.owner)
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

async function writeImage(
  ingredients: Ingredients,
  wanted: readonly Architecture[],
  options: { readonly out: string; readonly name: string },
): Promise<void> {
  const labels = labelsOf(await readManifest(root), ingredients.origin)
  const images = await Promise.all(
    wanted.map(async architecture => {
      const parts = await assemble(ingredients, architecture)
      const layers = await packParts(parts)
      const sbom = parts.flatMap(({ entries }) => entries).find(({ path }) => path === sbomPath)
      await writeFile(`${options.out}.${architecture}.cdx.json`, sbom?.data ?? '')
      return { architecture, layers, size: sizeOf(parts, layers) }
    }),
  )
  for (const { architecture, size } of images) {
    console.log(
      `linux/${architecture}  unpacked ${megabytes(size.unpacked)}, without Node ${megabytes(size.withoutNode)}; packed ${megabytes(size.packed)}`,
    )
  }
  const { name, out } = options
  const digest = await writeArchive(out, images, { name, origin: ingredients.origin, labels })
  console.log(`${name}  ${digest}\n${out}`)
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      out: text,
      name: text,
      arch: { type: 'string', multiple: true },
      'root-fs': text,
      cache: text,
      debian: text,
      inputs: text,
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return void process.stdout.write(usage)
  const wanted = readArchitectures(values.arch)
  const { version } = await readManifest(root)
  const files = await buildBundles()
  const ingredients: Ingredients = {
    root,
    inputs: await readInputs(values.inputs),
    lock: await readLock(root),
    bundled: [...new Set(files.map(packageOf).filter(path => path !== undefined))].sort(),
    unbundled,
    origin: await readOrigin(process.env),
    from: {
      cache: values.cache ?? defaultCache,
      archive: values.debian ?? (await archiveOfMachine()),
    },
  }
  const directory = values['root-fs']
  if (directory === undefined) {
    const { out = `holdfast-${version}.oci.tar`, name = `${repository}:${version}` } = values
    return writeImage(ingredients, wanted, { out, name })
  }
  const [only, ...others] = wanted
  if (only === undefined || others.length > 0) throw new Error('--root-fs goes with one --arch')
  await writeRoot(directory, await assemble(ingredients, only))
}

main().catch((error: unknown) => {
  process.stderr.write(`image: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
})
