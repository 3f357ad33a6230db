import type { Architecture } from './entry.ts'
import type { DebianPackage, Inputs } from './inputs.ts'
import { type Lock, nameOf } from './modules.ts'
import type { Manifest } from './program.ts'

/** What an image for one processor holds. */
export interface Contents {
  readonly architecture: Architecture
  readonly manifest: Manifest
  /** When it was made, in seconds since 1970. */
  readonly timeS: number
  readonly lock: Lock
  /** Paths of the packages of npm in it, bundled or not. */
  readonly modules: readonly string[]
  readonly debs: readonly DebianPackage[]
  readonly node: Inputs['node']
}

/** Where scanners find it in the image: they know it by the end of its name. */
export const sbomPath = 'usr/share/doc/holdfast/sbom.cdx.json'

/** All that is in the image as a bill of materials, CycloneDX 1.6: https://cyclonedx.org/docs/1.6/json/ */
export function makeSbom(contents: Contents) {
  const { manifest, timeS, architecture } = contents
  const purl = `pkg:npm/${manifest.name}@${manifest.version}`
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(timeS * 1000).toISOString(),
      component: {
        'bom-ref': purl,
        type: 'application',
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        licenses: [{ expression: manifest.license }],
        purl,
        properties: [{ name: 'holdfast:platform', value: `linux/${architecture}` }],
      },
    },
    components: [
      ...contents.debs.map(deb => debComponent(deb, architecture)),
      nodeComponent(contents),
      ...contents.modules.map(path => npmComponent(contents.lock, path)),
    ],
  }
}

function debComponent({ name, version, sha256, ...deb }: DebianPackage, image: Architecture) {
  const arch = deb.architecture === 'all' ? 'all' : image
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${arch}`
  const hashes = [{ alg: 'SHA-256', content: sha256 }]
  return { 'bom-ref': purl, type: 'library', name, version, purl, hashes }
}

/** Node by the name that databases of its faults have for it. */
function nodeComponent({ node, architecture }: Contents) {
  const { version } = node
  const pinned = node.packages.find(found => found.architecture === architecture)
  const purl = `pkg:npm/${pinned?.name}@${version}`
  return {
    'bom-ref': purl,
    type: 'platform',
    name: 'node',
    version,
    licenses: [{ expression: 'MIT' }],
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl,
    hashes: hashesOf(pinned?.integrity),
  }
}

function npmComponent(lock: Lock, path: string) {
  const { version = '', license, integrity } = lock[path] ?? {}
  const name = nameOf(path)
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  return {
    // A version may lie in several folders.
    'bom-ref': `${purl}#${path}`,
    type: 'library',
    name,
    version,
    ...(license !== undefined && { licenses: [{ expression: license }] }),
    purl,
    hashes: hashesOf(integrity),
  }
}

/** npm's `sha512-…` as CycloneDX has it. */
function hashesOf(integrity: string | undefined) {
  const [, value] = /^sha512-(.+)$/.exec(integrity ?? '') ?? []
  if (value === undefined) return []
  return [{ alg: 'SHA-512', content: Buffer.from(value, 'base64').toString('hex') }]
}
