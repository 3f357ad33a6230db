import type { Test } from 'tap'
import { createAdmission } from '../../src/http/admission.ts'
import { createMirror, type MirrorOptions, type MirrorParts } from '../../src/http/mirror.ts'
import { silentObserver } from '../../src/http/mirror-observer.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { type LogFields, silentLog } from '../../src/ports/log.ts'
import { absent } from '../../src/pull/absent.ts'
import type { OpenedBlob } from '../../src/pull/get-blob.ts'
import type { GotManifest } from '../../src/pull/got-manifest.ts'
import type { Resolved } from '../../src/pull/resolution.ts'
import { connectRaw, type RawClient } from '../support/raw-http.ts'

/** One image manifest's bytes, as a registry would hold them. */
export const manifestBytes = Buffer.from(
  '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}\n',
)
export const manifestType = 'application/vnd.oci.image.manifest.v1+json'
export const manifestDigest: Digest = digestOf(manifestBytes)

/** A tag's answer, fresh from upstream unless told otherwise. */
export function resolved(change: Partial<Resolved> = {}): Resolved {
  return {
    found: true,
    key: { registry: 'reg.lab:5000', repository: 'lab/app', tag: 'latest' },
    digest: manifestDigest,
    mediaType: manifestType,
    size: manifestBytes.length,
    source: 'upstream',
    fresh: true,
    confirmedAtMs: 0,
    ageSeconds: undefined,
    reason: 'the registry said so just now',
    failure: undefined,
    saidBy: 'https://reg.lab:5000',
    steps: [],
    ...change,
  }
}

export const gotManifest: GotManifest = {
  digest: manifestDigest,
  mediaType: manifestType,
  bytes: manifestBytes,
  source: 'store',
}

/** A reader over bytes in memory. `onRead` may throw, wait, or shorten a read by saying up to where bytes are there. */
export function blobOf(
  bytes: Uint8Array,
  onRead: (position: number) => Promise<number | undefined> | number | undefined = () => undefined,
): OpenedBlob & { readonly state: { reads: number; closed: number } } {
  const state = { reads: 0, closed: 0 }
  return {
    state,
    source: 'store',
    size: bytes.length,
    async read(into, position) {
      state.reads++
      const until = (await onRead(position)) ?? bytes.length
      const part = bytes.subarray(position, Math.min(until, position + into.length))
      into.set(part)
      return part.length
    },
    async close() {
      state.closed++
    },
  }
}

/** A line of the log with its level. */
export interface LogLine {
  readonly level: string
  readonly fields: LogFields
  readonly message: string
}

/** A log that keeps its lines. */
export function keepLog(): { readonly lines: LogLine[]; readonly log: typeof silentLog } {
  const lines: LogLine[] = []
  const at =
    (level: string) =>
    (fields: LogFields, message: string): void =>
      void lines.push({ level, fields, message })
  return {
    lines,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
  }
}

/** A mirror on a free port, with journeys that know nothing unless given, and a connection to it. Closed after the test. */
export async function startMirror(
  t: Test,
  parts: Partial<MirrorParts> = {},
  options: Partial<MirrorOptions> = {},
): Promise<{ readonly port: number; readonly client: RawClient; stop(): Promise<void> }> {
  const mirror = createMirror(
    {
      resolveTag: async key => ({
        found: false,
        key,
        reason: 'nothing is known',
        failure: undefined,
        steps: [],
      }),
      getManifest: async () => absent('not held'),
      openBlob: async () => absent('not held'),
      statBlob: async () => absent('not held'),
      listTags: async () => absent('not known'),
      listReferrers: async () => absent('not known'),
      isManifest: () => false,
      onAsked: () => () => undefined,
      isServed: registry => registry !== 'unknown.lab',
      admission: createAdmission({ allow: [], tokenFile: undefined }),
      clock: systemClock,
      log: silentLog,
      observer: silentObserver,
      ...parts,
    },
    {
      address: { host: '127.0.0.1', port: 0 },
      defaultRegistry: 'docker.io',
      graceMs: 100,
      ...options,
    },
  )
  const { port, host } = await mirror.listen()
  const client = await connectRaw(port, host === '0.0.0.0' ? '127.0.0.1' : host)
  t.teardown(async () => {
    client.close()
    await mirror.close()
  })
  return { port, client, stop: mirror.close }
}

/** The first error of a body in the distribution spec's form. */
export function errorOf(body: Buffer): { code: string; message: string; detail?: unknown } {
  return JSON.parse(body.toString()).errors[0]
}
