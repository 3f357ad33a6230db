import { type Architecture, ownUser } from './entry.ts'
import type { Layer } from './layer.ts'
import type { Manifest } from './program.ts'

/** What of the checkout an image tells. */
export interface Origin {
  /** In seconds since 1970: the commit's time, or `SOURCE_DATE_EPOCH`. */
  readonly timeS: number
  /** Commit; absent where there is none to be known. */
  readonly revision?: string | undefined
}

/** The image without a tag, as the chart names it. */
export const repository = 'ghcr.io/holdfast/holdfast'

/**
 * How a container of it runs: as a user of its own, from a directory that is its own, with the file that is mounted or the defaults that are
 * there.
 */
export const runConfig = {
  User: `${ownUser}:${ownUser}`,
  Env: ['PATH=/usr/bin', 'HOLDFAST_CONFIG=/etc/holdfast/holdfast.yaml'],
  Entrypoint: ['/usr/bin/holdfast'],
  Cmd: ['serve'],
  WorkingDir: '/var/lib/holdfast',
} as const

/** The labels of the image, which are the annotations of its manifests as well: https://specs.opencontainers.org/image-spec/annotations/ */
export function labelsOf(manifest: Manifest, origin: Origin): Readonly<Record<string, string>> {
  const prefix = 'org.opencontainers.image'
  return {
    [`${prefix}.title`]: manifest.name,
    [`${prefix}.description`]: manifest.description,
    [`${prefix}.version`]: manifest.version,
    [`${prefix}.licenses`]: manifest.license,
    [`${prefix}.created`]: iso(origin.timeS),
    ...(origin.revision !== undefined && { [`${prefix}.revision`]: origin.revision }),
  }
}

/** The config of an image for one processor: https://github.com/opencontainers/image-spec/blob/main/config.md */
export function configOf(
  layers: readonly Layer[],
  {
    architecture,
    timeS,
    labels,
  }: {
    readonly architecture: Architecture
    readonly timeS: number
    readonly labels: Readonly<Record<string, string>>
  },
) {
  const created = iso(timeS)
  return {
    created,
    ...platformOf(architecture),
    config: { ...runConfig, Labels: labels },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ madeOf }) => ({ created, created_by: madeOf })),
  }
}

/** As registries name platforms: 64-bit ARM is its eighth version. */
export function platformOf(architecture: Architecture) {
  return { architecture, os: 'linux', ...(architecture === 'arm64' && { variant: 'v8' }) }
}

const iso = (timeS: number): string => new Date(timeS * 1000).toISOString().replace('.000', '')
