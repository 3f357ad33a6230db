/** Builds a Debian package of this checkout: Holdfast, its own Node, the service. Needs `dpkg-deb`, and no root. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { assembleOwn, type Ingredients } from '../image/assemble.ts'
import type { Architecture } from '../image/entry.ts'
import { gather, readArchitectures } from '../image/gather.ts'
import { readManifest } from '../image/program.ts'
import { writeRoot } from '../image/write-root.ts'
import { controlEntries, place, systemEntries } from './package.ts'

const root = join(import.meta.dirname, '..')

const usage = `npm run deb -- [OPTIONS]

  --out DIR          where the packages are written, as holdfast_VERSION_ARCH.deb; default here
  --arch ARCH        amd64 or arm64; may be repeated; default both
  --cache DIR        where fetched packages stay (HOLDFAST_IMAGE_CACHE); default ~/.cache/holdfast-image

SOURCE_DATE_EPOCH (seconds) is the time of its files; by default that of the last commit.
`

async function writeDeb(
  ingredients: Ingredients,
  architecture: Architecture,
  out: string,
): Promise<string> {
  const manifest = await readManifest(root)
  const parts = await assembleOwn(ingredients, { architecture, place, debs: [] })
  const entries = [...parts.flatMap(part => part.entries), ...(await systemEntries(root))]
  const work = await mkdtemp(join(tmpdir(), 'holdfast-deb-'))
  const path = join(out, `${manifest.name}_${manifest.version}_${architecture}.deb`)
  try {
    // It stands for the root directory.
    await chmod(work, 0o755)
    await writeRoot(work, [
      ...entries,
      ...(await controlEntries(entries, { manifest, architecture })),
    ])
    const words = ['--root-owner-group', '-Zzstd', '--build', work, path]
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(ingredients.origin.timeS) }
    await promisify(execFile)('dpkg-deb', words, { env })
    return path
  } finally {
    await rm(work, { recursive: true })
  }
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      out: text,
      cache: text,
      arch: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return void process.stdout.write(usage)
  const { out = '.' } = values
  const wanted = readArchitectures(values.arch)
  await mkdir(out, { recursive: true })
  const ingredients = await gather(root, { cache: values.cache })
  for (const architecture of wanted) {
    console.log(await writeDeb(ingredients, architecture, out))
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`deb: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
})
