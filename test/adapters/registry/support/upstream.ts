import type { Test } from 'tap'
import type { Authorizer } from '../../../../src/adapters/registry/authorize.ts'
import { defaultUpstream } from '../../../../src/adapters/registry/presets.ts'
import type { UpstreamSettings } from '../../../../src/adapters/registry/settings.ts'
import {
  createRegistryUpstream,
  type UpstreamParts,
} from '../../../../src/adapters/registry/upstream.ts'
import type { Digest } from '../../../../src/oci/digest.ts'
import { systemClock } from '../../../../src/ports/clock.ts'
import type { FailureClass, FailureReason } from '../../../../src/ports/errors.ts'
import { UpstreamFailure } from '../../../../src/ports/errors.ts'
import { silentLog } from '../../../../src/ports/log.ts'
import { makeSingleImage } from '../../../support/image.ts'
import {
  type RegistryOptions,
  type ScriptedRegistry,
  startRegistry,
} from '../../../support/registry.ts'
import { makeTransport } from './transport.ts'

export const repository = 'lab/app'
export const image = makeSingleImage({ layers: [700_000] })
export const otherImage = makeSingleImage({ salt: 'other' })

/** The first layer of {@link image}. */
export const layer = image.layers[0] ?? image.config

/** What {@link image} looks like in a registry, under `latest`. */
export function contents() {
  const { digest, mediaType } = image
  const blobs = new Map([...image.blobs, ...otherImage.blobs])
  return { [repository]: { blobs, tags: new Map([['latest', { digest, mediaType }]]) } }
}

/** A scripted registry that holds {@link image}, ended with the test. */
export async function serveRegistry(
  t: Test,
  options: RegistryOptions = {},
): Promise<ScriptedRegistry> {
  const registry = await startRegistry({ images: contents(), ...options })
  t.teardown(() => registry.close())
  return registry
}

/** Nobody wants credentials. */
const noAuthorizer: Authorizer = {
  header: async () => undefined,
  answer: async () => undefined,
  forget() {},
}

/** An upstream client of the registries given, closed with the test. Time limits of ten seconds unless given. */
export function makeUpstream(
  t: Test,
  upstreams: Readonly<Record<string, Partial<UpstreamSettings>>>,
  parts: Partial<UpstreamParts> = {},
) {
  const timeouts = { connectMs: 10_000, headersMs: 10_000, stallMs: 10_000 }
  const settings = Object.entries(upstreams).map(([name, upstream]) => [
    name,
    { ...defaultUpstream, timeouts, proxy: '', ...upstream },
  ])
  const upstream = createRegistryUpstream(
    {
      transport: makeTransport(t),
      authorizer: noAuthorizer,
      clock: systemClock,
      log: silentLog,
      ...parts,
    },
    { upstreams: Object.fromEntries(settings) },
  )
  t.teardown(() => upstream.close())
  return upstream
}

export type TestUpstream = ReturnType<typeof makeUpstream>

/** A client of one registry under its own name. */
export function upstreamOf(
  t: Test,
  registry: ScriptedRegistry,
  settings: Partial<UpstreamSettings> = {},
  parts: Partial<UpstreamParts> = {},
): TestUpstream {
  return makeUpstream(t, { [registry.host]: { url: registry.url, ...settings } }, parts)
}

/** A signal that never comes. */
export const never = new AbortController().signal

/** Asks for `latest` of {@link repository}. */
export function askLatest(
  upstream: TestUpstream,
  registry: ScriptedRegistry | string,
  more: { tag?: string; deadlineMs?: number; signal?: AbortSignal; insist?: boolean } = {},
) {
  const name = typeof registry === 'string' ? registry : registry.host
  const { tag = 'latest', deadlineMs = 5_000, signal = never, insist = false } = more
  return upstream.resolveTag({ registry: name, repository, tag }, { signal, deadlineMs, insist })
}

/** Repository of tests at a registry. */
export function at(registry: ScriptedRegistry) {
  return { registry: registry.host, repository }
}

/** The failure that a question ends in; fails the test if it is answered or fails otherwise. */
async function failureIn(t: Test, question: Promise<unknown>): Promise<UpstreamFailure> {
  const error: unknown = await question.then(
    answer => new Error(`answered ${JSON.stringify(answer)}`),
    error => error,
  )
  if (error instanceof UpstreamFailure) return error
  t.fail('rejects with an UpstreamFailure', { error })
  throw error
}

/** Asserts how a question fails. */
export async function failsAs(
  t: Test,
  question: Promise<unknown>,
  code: FailureClass,
  reason: FailureReason,
): Promise<UpstreamFailure> {
  const failure = await failureIn(t, question)
  t.match({ ...failure }, { code, reason }, failure.message)
  return failure
}

/** All bytes of a body. */
export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** A digest of nothing that any registry holds. */
export const unknownDigest = `sha256:${'0'.repeat(64)}` as Digest
