import { basePackages, makeBase } from './base.ts'
import type { Origin } from './config.ts'
import { faultsOfPrograms } from './elf.ts'
import { type Architecture, type Entry, file, totalBytes } from './entry.ts'
import { fetchDeb, fetchNode, InputError } from './fetch.ts'
import type { DebianPackage, Inputs } from './inputs.ts'
import { type Layer, makeLayer } from './layer.ts'
import { closure, filesOfPackage, type Lock } from './modules.ts'
import { home, licensesOf, makeProgram, readManifest } from './program.ts'
import { makeSbom, sbomPath } from './sbom.ts'
import { unpackNpm } from './unpack.ts'

/** What an image is made of. */
export interface Ingredients {
  /** The checkout. */
  readonly root: string
  readonly inputs: Inputs
  readonly lock: Lock
  /** Paths of the packages that are in the bundles. */
  readonly bundled: readonly string[]
  /** Packages that the program loads by name. */
  readonly unbundled: readonly string[]
  readonly origin: Origin
  /** Where inputs come from, and stay. */
  readonly from: { readonly cache: string; readonly archive: string | undefined }
}

/** One part of the image: what seldom changes is below what often does, so that a newer image brings little. */
export interface Part {
  readonly madeOf: string
  readonly entries: readonly Entry[]
  /** Modification time of its files, in seconds since 1970. */
  readonly timeS: number
}

/** The root file system for one processor, part by part from below. Rejects where something in it could not run there. */
export async function assemble(
  ingredients: Ingredients,
  architecture: Architecture,
): Promise<readonly Part[]> {
  const { root, inputs, lock, bundled, unbundled, origin, from } = ingredients
  const pinnedS = Math.floor(Date.parse(inputs.pinnedAt) / 1000)
  const debs = debsFor(inputs, architecture)
  const paths = new Map<string, string>()
  for (const deb of debs) paths.set(deb.name, await fetchDeb(deb, from))
  const loaded = closure(lock, unbundled)
  const modules = [...new Set([...bundled, ...loaded])].sort()
  const manifest = await readManifest(root)
  const { node } = inputs
  if (node.version !== lock['node_modules/node']?.version) {
    throw new InputError(
      'changed',
      `the project is at another Node than ${node.version}: npm run image:pin`,
    )
  }
  const contents = { architecture, manifest, timeS: origin.timeS, lock, modules, debs, node }
  const sbom = `${JSON.stringify(makeSbom(contents), undefined, 1)}\n`
  const libraries = await Promise.all(
    loaded.map(path => filesOfPackage(root, path, { architecture, to: home })),
  )
  const parts = [
    { madeOf: `Debian ${inputs.debian.suite}`, entries: await makeBase(paths), timeS: pinnedS },
    {
      madeOf: `Node ${node.version}`,
      entries: await runtime(inputs, architecture, from),
      timeS: pinnedS,
    },
    { madeOf: 'packages of npm', entries: libraries.flat(), timeS: pinnedS },
    {
      madeOf: `Holdfast ${manifest.version}`,
      entries: [
        ...(await makeProgram(root)),
        file(sbomPath, sbom),
        await licensesOf(
          root,
          bundled.filter(path => !loaded.includes(path)),
        ),
      ],
      timeS: origin.timeS,
    },
  ]
  const faults = faultsOfPrograms(
    parts.flatMap(({ entries }) => entries),
    architecture,
  )
  if (faults.length > 0)
    throw new Error(`the image for ${architecture} cannot run:\n${faults.join('\n')}`)
  return parts
}

/** The pinned packages of the base for a processor; rejects where one is not pinned. */
function debsFor({ debian }: Inputs, architecture: Architecture): readonly DebianPackage[] {
  return basePackages.map(name => {
    const pinned = debian.packages.find(
      deb => deb.name === name && [architecture, 'all'].includes(deb.architecture),
    )
    if (pinned === undefined)
      throw new InputError('changed', `${name} is not pinned for ${architecture}`)
    return pinned
  })
}

async function runtime(
  { node }: Inputs,
  architecture: Architecture,
  from: Ingredients['from'],
): Promise<readonly Entry[]> {
  const pinned = node.packages.find(found => found.architecture === architecture)
  if (pinned === undefined)
    throw new InputError('changed', `Node is not pinned for ${architecture}`)
  const tgz = await fetchNode(node.version, pinned, from)
  const wanted = new Map([
    ['bin/node', 'usr/bin/node'],
    ['LICENSE', 'usr/share/doc/node/copyright'],
  ])
  const entries = await unpackNpm(tgz, path => wanted.has(path))
  return entries.map(entry => ({ ...entry, path: wanted.get(entry.path) ?? entry.path }))
}

/** The parts as layers of an image. */
export function packParts(parts: readonly Part[]): Promise<readonly Layer[]> {
  return Promise.all(
    parts.map(({ entries, madeOf, timeS }) => makeLayer(entries, { madeOf, timeS })),
  )
}

/** How large an image is, in bytes. */
export interface Size {
  /** All of it, unpacked. */
  readonly unpacked: number
  /** Unpacked, without Node itself. */
  readonly withoutNode: number
  /** What is transferred: the packed layers. */
  readonly packed: number
}

export function sizeOf(parts: readonly Part[], layers: readonly Layer[]): Size {
  const unpacked = totalBytes(parts.flatMap(({ entries }) => entries))
  const node = parts.flatMap(({ entries }) => entries).find(({ path }) => path === 'usr/bin/node')
  return {
    unpacked,
    withoutNode: unpacked - (node?.data?.length ?? 0),
    packed: layers.reduce((sum, { bytes }) => sum + bytes.length, 0),
  }
}
