/** What a manifest runs on, in Go's names. Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string | undefined
  readonly osVersion?: string | undefined
  readonly osFeatures?: readonly string[] | undefined
}

const grammar = /^[A-Za-z0-9_-]{1,32}(?:\/[A-Za-z0-9_.-]{1,32}){1,2}$/

/**
 * Reads `os/architecture` or `os/architecture/variant` and brings it into its usual form (`linux/aarch64` is `linux/arm64`).
 * `undefined` for anything else, `unknown/unknown` included.
 */
export function parsePlatform(text: string): Platform | undefined {
  if (!grammar.test(text)) return undefined
  const [os = '', architecture = '', variant] = text.split('/')
  const platform = normalise({ os, architecture, variant })
  return isUnknownPlatform(platform) ? undefined : platform
}

/**
 * `linux/amd64`, `linux/arm/v7`: equal for platforms that mean the same, so fit for a key. A Windows version follows the system in
 * parentheses.
 */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant, osVersion } = normalise(platform)
  const system = osVersion === undefined ? os : `${os}(${osVersion})`
  return [system, architecture, variant].filter(part => part !== undefined).join('/')
}

const goArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le', // Node is built for the little-endian one only
  mipsel: 'mipsle',
}

/** The platform of this machine, as far as the running Node knows it: on 32-bit ARM the one Node was built for. */
export function hostPlatform(): Platform {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const architecture = goArchitectures[process.arch] ?? process.arch
  const arm = 'arm_version' in process.config.variables ? process.config.variables.arm_version : 7
  return normalise({ os, architecture, variant: architecture === 'arm' ? `v${arm}` : undefined })
}

const architectureAliases: Readonly<Record<string, string>> = {
  i386: '386',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
}

/** One spelling per meaning, the one containerd compares by (v8 of arm64 and v1 of amd64 go without saying, v7 of arm does not). */
function normalise(platform: Platform): Platform {
  const named = platform.architecture.toLowerCase()
  const architecture = Object.hasOwn(architectureAliases, named)
    ? (architectureAliases[named] ?? named)
    : named
  const variant = normaliseVariant(named, architecture, platform.variant?.toLowerCase() ?? '')
  const os = platform.os.toLowerCase()
  return {
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    ...(variant !== '' && { variant }),
    ...(platform.osVersion && { osVersion: platform.osVersion }),
    ...(platform.osFeatures?.length && { osFeatures: platform.osFeatures }),
  }
}

function normaliseVariant(named: string, architecture: string, variant: string): string {
  if (named === 'armhf') return 'v7'
  if (named === 'armel') return 'v6'
  switch (architecture) {
    case '386':
      return named === 'i386' ? '' : variant
    case 'amd64':
      return variant === 'v1' ? '' : variant
    case 'arm':
      return variant === '' ? 'v7' : variant.replace(/^(?=[5-8]$)/, 'v')
    case 'arm64':
      return variant.replace(/^v?8(?:\.0)?$/, '').replace(/^v?9(?:\.0)?$/, 'v9')
    default:
      return variant
  }
}

/** `unknown/unknown` and the like: what is no image, an attestation for one, stands so in an index. */
export const isUnknownPlatform = (platform: Platform): boolean =>
  platform.os === 'unknown' || platform.architecture === 'unknown'

/**
 * The entry of an index that containerd would run on `platform`: the best match by architecture and variant, newer variants before
 * older ones, then 32-bit relatives (amd64 runs 386; arm64 runs arm v8, v7, v6, v5); among equals the first in the index.
 *
 * An entry that names no platform comes last: containerd takes it and only then compares the platform in its config, which does not
 * stand here. Attestations (`unknown/unknown`) are never chosen. `undefined`: nothing in this index is for that platform.
 *
 * Source: https://github.com/containerd/platforms (`Only`) and `Manifest` in containerd's core/images.
 */
export function choose<D extends { readonly platform?: Platform | undefined }>(
  manifests: readonly D[],
  platform: Platform,
): D | undefined {
  const wanted = normalise(platform)
  const preference = runnable(wanted)
  let best: { entry: D; rank: number; features: number } | undefined
  for (const entry of manifests) {
    const rank = rankOf(entry.platform, wanted, preference)
    const features = entry.platform?.osFeatures?.length ?? 0
    if (rank < 0) continue
    if (!best || rank < best.rank || (rank === best.rank && features > best.features)) {
      best = { entry, rank, features }
    }
  }
  return best?.entry
}

/** Whether a client of the platform `wanted` runs what says that it is for `own`: as {@link choose} does. */
export const runsOn = (own: Platform, wanted: Platform): boolean =>
  choose([{ platform: own }], wanted) !== undefined

/** Position in the order of preference, 0 the best, negative when it cannot run. */
function rankOf(
  offered: Platform | undefined,
  wanted: Platform,
  preference: readonly string[],
): number {
  if (offered === undefined) return preference.length
  // Go reads an absent `os` as the system it runs on.
  const entry = normalise({ ...offered, os: offered.os === '' ? wanted.os : offered.os })
  if (isUnknownPlatform(entry) || entry.os !== wanted.os || !isVersionFit(entry, wanted)) return -1
  if (entry.osFeatures?.some(feature => !wanted.osFeatures?.includes(feature))) return -1
  return preference.indexOf(key(entry.architecture, entry.variant))
}

/** Windows containers need their own build of the kernel; other systems do not look at the version. */
function isVersionFit(entry: Platform, wanted: Platform): boolean {
  if (wanted.os !== 'windows' || !wanted.osVersion || !entry.osVersion) return true
  const build = (version: string): string => version.split('.', 3).join('.')
  return build(entry.osVersion) === build(wanted.osVersion)
}

const key = (architecture: string, variant: string | undefined): string =>
  variant === undefined ? architecture : `${architecture}/${variant}`

/** What a normalised platform can run, best first. */
function runnable({ architecture, variant }: Platform): readonly string[] {
  const itself = key(architecture, variant)
  const level = Number(/^v?([1-9])$/.exec(variant ?? '')?.[1] ?? 0)
  switch (architecture) {
    case 'amd64': {
      const older = countDown(level - 1, 2).map(n => `amd64/v${n}`)
      return level > 1 ? [itself, ...older, 'amd64', '386'] : [itself, '386']
    }
    case 'arm':
      return [itself, ...countDown(level - 1, 5).map(n => `arm/v${n}`)]
    case 'arm64':
      return runnableOnArm64(variant ?? 'v8') ?? [itself]
    default:
      return [itself]
  }
}

/** Armv9.n contains Armv8.(n+5), and all of them run the 32-bit architectures. */
function runnableOnArm64(variant: string): readonly string[] | undefined {
  const [, major, minor = '0'] = /^v([89])(?:\.([0-9]))?$/.exec(variant) ?? []
  if (major === undefined) return undefined
  const nine = major === '9' ? countDown(Number(minor), 0) : []
  const eight = countDown(major === '9' ? Math.min(Number(minor) + 5, 9) : Number(minor), 0)
  return [
    ...nine.map(n => (n === 0 ? 'arm64/v9' : `arm64/v9.${n}`)),
    ...eight.map(n => (n === 0 ? 'arm64' : `arm64/v8.${n}`)),
    ...countDown(8, 5).map(n => `arm/v${n}`),
  ]
}

const countDown = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.max(from - to + 1, 0) }, (_, index) => from - index)
