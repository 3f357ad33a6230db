/**
 * Builds the container image out of pinned packages of Debian and npm and this checkout: as an OCI archive for all processors, without a
 * registry or a container engine; or, for the Dockerfile, as the root file system for one.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeArchive } from './archive.ts'
import { assemble, type Ingredients, packParts, sizeOf } from './assemble.ts'
import { labelsOf, repository } from './config.ts'
import type { Architecture } from './entry.ts'
import { gather, readArchitectures } from './gather.ts'
import { readManifest } from './program.ts'
import { sbomPath } from './sbom.ts'
import { writeRoot } from './write-root.ts'

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
  const ingredients = await gather(root, values)
  const directory = values['root-fs']
  if (directory === undefined) {
    const { out = `holdfast-${version}.oci.tar`, name = `${repository}:${version}` } = values
    return writeImage(ingredients, wanted, { out, name })
  }
  const [only, ...others] = wanted
  if (only === undefined || others.length > 0) throw new Error('--root-fs goes with one --arch')
  const parts = await assemble(ingredients, only)
  await writeRoot(
    directory,
    parts.flatMap(({ entries }) => entries),
  )
}

main().catch((error: unknown) => {
  process.stderr.write(`image: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
})
