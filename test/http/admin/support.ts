import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type RequestOptions, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { NotHere } from '../../../src/archive/plan-export.ts'
import { type AdminOptions, createAdmin } from '../../../src/http/admin/admin.ts'
import { ensureAdminToken } from '../../../src/http/admin/admin-token.ts'
import { createNodeView, type NodeViewParts } from '../../../src/http/admin/node-view.ts'
import { openTokenFile } from '../../../src/http/token-file.ts'
import type { FoundTag } from '../../../src/keep/find-tags.ts'
import { noPods } from '../../../src/keep/watch-pods.ts'
import { formatTag, type TagReference } from '../../../src/oci/reference.ts'
import { silentLog } from '../../../src/ports/log.ts'
import type { Observation, Pin } from '../../../src/ports/tag-ledger.ts'
import { readApiDocument } from '../../support/api-document.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { keepLog, manifestDigest, manifestType, resolved } from '../support.ts'
import { madeUpNode } from './node-support.ts'

export const nowMs = Date.parse('2026-11-21T12:00:00Z')

export const observation: Observation = {
  digest: manifestDigest,
  mediaType: manifestType,
  size: 77,
  stamp: { wallMs: 1, counter: 0 },
  source: 'upstream',
  origin: 'aa',
  confirmedAtMs: nowMs - 60_000,
  firstSeenMs: nowMs - 3_600_000,
  lastSeenMs: nowMs,
}
const pin: Pin = {
  digest: manifestDigest,
  mediaType: manifestType,
  size: 77,
  stamp: { wallMs: 1, counter: 0 },
  note: undefined,
  author: undefined,
  expiresAtMs: undefined,
}
export const keyOf = (tag: string): TagReference => ({
  registry: 'reg.lab',
  repository: 'lab/app',
  tag,
})
const rows: readonly FoundTag[] = [
  { key: keyOf('a'), live: observation, pin: undefined, isComplete: true },
  { key: keyOf('b'), live: undefined, pin, isComplete: false },
  { key: keyOf('c'), live: observation, pin, isComplete: false },
]

const noPins = async () => {
  throw new Error('there are no pins here')
}

const noView = () => {
  throw new Error('there are no warm jobs here')
}

const about = { node: 'van-1', version: '1.2.3' }

const viewParts: NodeViewParts = {
  ledger: {
    stats: () => ({
      pins: 1,
      writable: true,
      clockVerified: true,
      clockOffsetMs: 5,
    }),
    countTags: async () => 2,
    trustedNowMs: () => nowMs,
  },
  endpoints: () => [],
  storeUsage: async () => ({
    blobBytes: 1,
    partialBytes: 2,
    blobs: 3,
    freeBytes: 4,
    totalBytes: 5,
  }),
  readiness: () => ({ ready: true, degraded: [] }),
  pods: noPods,
  modeState: () => ({ mode: 'auto', decidedBy: 'configuration' }),
  uptimeMs: () => 12_345,
  monotonicMs: () => 99_000,
  mesh: undefined,
  isBanned: () => false,
}

/** An answer of the admin API. */
export interface Asked {
  readonly status: number
  readonly type: string | undefined
  readonly body: unknown
  readonly headers: Readonly<Record<string, unknown>>
}

const document = readApiDocument()

type Parts = Parameters<typeof createAdmin>[0]
/** What refuses nothing needs not say that it would not. */
type Untried<K extends 'pins' | 'keeps' | 'exclusions'> = {
  readonly [N in K]: Omit<Parts[N], 'tryOut'> & Partial<Pick<Parts[N], 'tryOut'>>
}
type Made = Omit<Parts, 'pins' | 'keeps' | 'exclusions'> & Untried<'pins' | 'keeps' | 'exclusions'>

/** Starts an admin API over made-up parts; stops with the test. Every answer is held to the document of the API. */
export async function startAdmin(
  t: Test,
  change: Partial<Made & NodeViewParts> = {},
  options: Partial<AdminOptions> = {},
): Promise<{
  readonly port: number
  readonly token: string
  ask(path: string, more?: RequestOptions & { readonly body?: unknown }): Promise<Asked>
  /** Writes the token file anew; it is looked at again at once. */
  setTokens(text: string): Promise<void>
  readonly clock: ReturnType<typeof createMovableClock>
  stop(): Promise<void>
}> {
  const clock = createMovableClock(nowMs)
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-admin-'))
  const tokenPath = join(dir, 'deep', 'admin.token')
  await ensureAdminToken(tokenPath)
  const token = (await readFile(tokenPath, 'utf8')).trim()
  const { view = createNodeView({ ...viewParts, ...change }, about) } = change
  const admin = await createAdmin(
    {
      importArchive: async () => ({ images: [], addedBytes: 0, warnings: [] }),
      ownImage: undefined,
      exportImages: () => {
        throw new NotHere('nothing is here')
      },
      resolveTag: async key => resolved({ key }),
      async findTags(_, { after = '', limit }) {
        const left = rows.filter(({ key }) => formatTag(key) > after)
        const next = left[limit] && left[limit - 1]
        return { tags: left.slice(0, limit), next: next && formatTag(next.key) }
      },
      refreshTag: async () => {
        throw new Error('nothing is refreshed here')
      },
      forgetTag: noPins,
      warmJobs: {
        list: () => [],
        find: () => undefined,
        put: noPins,
        cancel: noPins,
        tidy: async () => {},
      },
      warmViews: { view: noView, ask: noView },
      warmSchedules: {
        list: () => [],
        find: () => undefined,
        put: noPins,
        tryOut: () => {},
        remove: noPins,
      },
      nextRunMs: () => undefined,
      isComplete: () => true,
      platformStates: () => [],
      platforms: () => [],
      imageHolders: async () => [],
      ledger: {
        live: () => undefined,
        pin: () => undefined,
        trustedNowMs: () => nowMs,
      },
      blockedAnswers: { history: () => [], tagsOf: async () => [] },
      resolutions: { find: () => [] },
      pinBook: {
        get: () => undefined,
        history: () => [],
        list: () => [],
        each: () => [],
        isBlocked: () => false,
      },
      findStrays: async () => new Map(),
      keepSet: { patterns: () => [] },
      coveredTags: async () => ({ byPattern: [], any: 0, first: [] }),
      clusterMode: { standing: () => undefined, set: noPins, lift: noPins },
      modeSwitch: {
        state: () => ({ mode: 'auto', decidedBy: 'configuration', configured: 'auto' }),
      },
      exclusionBook: { list: () => [] },
      isOperator: () => true,
      report: {
        make: async () => ({ verdict: 'not-ready', nodes: [], images: [] }),
        copies: 2,
        cutOff: () => undefined,
        keepSet: async () => [],
        emptyKeeps: () => [],
        isKept: () => false,
        running: async () => ({ images: [], nodes: [] }),
        named: () => {
          throw new Error('no tag is named here')
        },
      },
      audit: { note: async () => {}, find: () => [] },
      node: madeUpNode(),
      view,
      clock,
      ...change,
      pins: { set: noPins, remove: noPins, tryOut: async () => {}, ...change.pins },
      keeps: {
        ...{ find: () => undefined, set: noPins, remove: noPins, tryOut: text => text },
        ...change.keeps,
      },
      exclusions: {
        ...{ find: () => undefined, set: noPins, lift: noPins, tryOut: () => {} },
        ...change.exclusions,
      },
      token: openTokenFile({ key: 'admin.tokenFile', path: tokenPath }, { clock, log: silentLog }),
      log: keepLog().log,
    },
    {
      address: { host: '127.0.0.1', port: 0 },
      ...about,
      graceMs: 100,
      ...options,
    },
  )
  const { port } = await admin.listen()
  t.teardown(async () => {
    await admin.close()
    await rm(dir, { recursive: true })
  })
  const ask = async (
    path: string,
    { body: sent, ...more }: RequestOptions & { readonly body?: unknown } = {},
  ): Promise<Asked> => {
    const asking = request({
      host: '127.0.0.1',
      port,
      path,
      agent: false,
      ...more,
      headers: {
        ...(sent !== undefined && { 'content-type': 'application/json' }),
        ...((more.headers as object | undefined) ?? { authorization: `Bearer ${token}` }),
      },
    }).end(sent === undefined ? undefined : JSON.stringify(sent))
    const [response] = await once(asking, 'response')
    const body = await text(response)
    const type = response.headers['content-type']
    const given = {
      status: response.statusCode,
      type,
      headers: response.headers,
      body: type?.includes('json') ? JSON.parse(body) : body,
    }
    const operation = document.find(more.method ?? 'GET', path)
    const faults = operation === undefined ? [] : document.faultsOf(operation, given)
    if (faults.length > 0) t.fail(`${operation?.id} is not as docs/openapi.json says`, { faults })
    return given
  }
  const setTokens = async (lines: string) => {
    await writeFile(tokenPath, lines)
    clock.pass(1_000)
  }
  return { port, token, ask, setTokens, clock, stop: admin.close }
}
