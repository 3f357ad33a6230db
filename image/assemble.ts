import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { basePackages, makeBase } from './base.ts'
import type { Origin } from './config.ts'
import { faultsOfPrograms } from './elf.ts'
import { type Architecture, type Entry, file, symlink, totalBytes } from './entry.ts'
import { fetchDeb, fetchNode, InputError } from './fetch.ts'
import type { DebianPackage, Inputs } from './inputs.ts'
import { type Layer, makeLayer } from './layer.ts'
import { closure, filesOfPackage, type Lock } from './modules.ts'
import { licensesOf, makeProgram, type Place, readManifest } from './program.ts'
import { makeSbom, sbomPath } from './sbom.ts'
import { unpackNpm } from './unpack.ts'

/** What an image is made of. */
export interface Ingredients {
  /** The checkout. */
  readonly root: string
  readonly inputs: Inputs
  readonly lock: Lock
  /** The built program, by paths from the checkout. */
  readonly bundles: ReadonlyMap<string, Uint8Array>
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

/** Where the image has them. */
const place: Place = {
  home: 'opt/holdfast',
  node: 'usr/bin/node',
  nodeLicense: 'usr/share/doc/node/copyright',
}

/** The root file system for one processor, part by part from below. Rejects where something in it could not run there. */
export async function assemble(
  ingredients: Ingredients,
  architecture: Architecture,
): Promise<readonly Part[]> {
  const { root, inputs, from } = ingredients
  const debs = debsFor(inputs, architecture)
  const paths = new Map<string, string>()
  for (const deb of debs) paths.set(deb.name, await fetchDeb(deb, from))
  const base = {
    madeOf: `Debian ${inputs.debian.suite}`,
    entries: await makeBase(paths),
    timeS: pinnedS(inputs),
  }
  const own = await assembleOwn(ingredients, { architecture, place, debs })
  const started = [
    file('etc/holdfast/holdfast.yaml', await readFile(join(root, 'config/holdfast.yaml'))),
    symlink('usr/bin/holdfast', `../../${place.home}/dist/main.js`),
  ]
  const parts = [base, ...own.slice(0, -1), ...own.slice(-1).map(addTo(started))]
  const faults = faultsOfPrograms(
    parts.flatMap(({ entries }) => entries),
    architecture,
  )
  if (faults.length > 0)
    throw new Error(`the image for ${architecture} cannot run:\n${faults.join('\n')}`)
  return parts
}

const addTo =
  (more: readonly Entry[]) =>
  (part: Part): Part => ({ ...part, entries: [...part.entries, ...more] })

const pinnedS = ({ pinnedAt }: Inputs): number => Math.floor(Date.parse(pinnedAt) / 1000)

/**
 * Node, the packages that are loaded, and Holdfast with its bill of materials: all that is not of the system it runs on.
 *
 * @param debs packages of the system that go with it
 */
export async function assembleOwn(
  { root, inputs, lock, bundles, bundled, unbundled, origin, from }: Ingredients,
  {
    architecture,
    place,
    debs,
  }: {
    readonly architecture: Architecture
    readonly place: Place
    readonly debs: readonly DebianPackage[]
  },
): Promise<readonly Part[]> {
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
    loaded.map(path => filesOfPackage(root, path, { architecture, to: place.home })),
  )
  return [
    {
      madeOf: `Node ${node.version}`,
      entries: await runtime(inputs, { architecture, place }, from),
      timeS: pinnedS(inputs),
    },
    { madeOf: 'packages of npm', entries: libraries.flat(), timeS: pinnedS(inputs) },
    {
      madeOf: `Holdfast ${manifest.version}`,
      entries: [
        ...(await makeProgram(root, bundles, place)),
        file(sbomPath, sbom),
        await licensesOf(
          root,
          bundled.filter(path => !loaded.includes(path)),
        ),
      ],
      timeS: origin.timeS,
    },
  ]
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
  { architecture, place }: { readonly architecture: Architecture; readonly place: Place },
  from: Ingredients['from'],
): Promise<readonly Entry[]> {
  const pinned = node.packages.find(found => found.architecture === architecture)
  if (pinned === undefined)
    throw new InputError('changed', `Node is not pinned for ${architecture}`)
  const tgz = await fetchNode(node.version, pinned, from)
  const wanted = new Map([
    ['bin/node', place.node],
    ['LICENSE', place.nodeLicense],
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
  const node = parts.flatMap(({ entries }) => entries).find(({ path }) => path === place.node)
  return {
    unpacked,
    withoutNode: unpacked - (node?.data?.length ?? 0),
    packed: layers.reduce((sum, { bytes }) => sum + bytes.length, 0),
  }
}
