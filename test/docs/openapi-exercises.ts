import { encodeNote } from '../../src/archive/bundle-note.ts'
import { fullName, layoutOf } from '../archive/support.ts'
import { makeImage } from '../support/image.ts'
import { tar } from '../support/tar.ts'

/** The name of the registry in front of which the nodes stand. */
export const registryName = 'reg.lab'
export const image = makeImage({ platforms: ['linux/amd64'], salt: 'contract' })
const imported = makeImage({ platforms: ['linux/amd64'], salt: 'imported' })
const tag = `${registryName}/lab/app:a`
const stranger = 'cd'.repeat(32)
const blocked = `sha256:${'b'.repeat(64)}`
const pattern = `${registryName}/lab/*:*`

/** A question to an operation that is answered well. */
export interface Exercise {
  /** Values of the parameters in its path. */
  readonly path?: Readonly<Record<string, string>>
  readonly query?: string
  /** JSON, or bytes. */
  readonly body?: object | Buffer
  /** What its body may have, in bytes, where that is more than usual. */
  readonly largest?: number
  /** Operations that are to be exercised right before, so that there is something to do. */
  readonly after?: readonly string[]
  /** What the audit log has of it: needed for each operation that changes something. */
  readonly noted?: { readonly subject: string; readonly before?: unknown; readonly after?: unknown }
}

const ofTag = { path: { reference: tag } }
const here = { path: { name: 'self' } }
const ofJob = { path: { id: 'night' } }
const ofSchedule = { path: { name: 'nightly' } }
const digest = image.digest

/** How each operation of the document is asked. A new one needs a line here. */
export const exercises: Readonly<Record<string, Exercise>> = {
  resolve: { query: `ref=${tag}&explain=true` },
  listTags: { query: `prefix=${registryName}&limit=1` },
  getTag: ofTag,
  refreshTag: { ...ofTag, noted: { subject: tag, after: { digest } } },
  forgetTag: {
    ...ofTag,
    after: ['refreshTag'],
    noted: { subject: tag, before: { digest } },
  },
  listResolutions: { query: `ref=${tag}` },
  getWhy: { query: `subject=${tag}&limit=2` },
  getNodeWhy: { ...here, query: `subject=${tag}` },
  getStatus: {},
  listPeers: {},
  listPins: {},
  getPin: { ...ofTag, after: ['putPin'] },
  putPin: {
    ...ofTag,
    query: 'copies=2',
    body: { note: 'voyage', expiresAt: '2099-01-01T00:00:00Z' },
    noted: { subject: tag, after: { digest, note: 'voyage', author: 'writer' } },
  },
  deletePin: {
    ...ofTag,
    after: ['putPin'],
    noted: { subject: tag, before: { digest }, after: { standing: 'removed', author: 'writer' } },
  },
  listKeeps: { after: ['putKeep'] },
  getKeep: { path: { pattern }, after: ['putKeep'] },
  putKeep: {
    path: { pattern },
    query: 'copies=2',
    body: { note: 'voyage' },
    noted: { subject: pattern, after: { pattern, note: 'voyage', author: 'writer' } },
  },
  deleteKeep: {
    path: { pattern },
    after: ['putKeep'],
    noted: { subject: pattern, before: { pattern, author: 'writer' } },
  },
  listBans: { after: ['putBan'] },
  getBan: { path: { node: stranger }, after: ['putBan'] },
  putBan: {
    path: { node: stranger },
    body: {},
    noted: { subject: stranger, after: { key: stranger, author: 'writer' } },
  },
  deleteBan: {
    path: { node: stranger },
    after: ['putBan'],
    noted: { subject: stranger, before: { key: stranger } },
  },
  listBlocks: { after: ['putBlock'] },
  getBlock: { path: { digest: blocked }, after: ['putBlock'] },
  putBlock: {
    path: { digest: blocked },
    body: { note: 'CVE' },
    noted: { subject: blocked, after: { key: blocked, note: 'CVE', author: 'writer' } },
  },
  deleteBlock: {
    path: { digest: blocked },
    after: ['putBlock'],
    noted: { subject: blocked, before: { key: blocked } },
  },
  getBackup: { after: ['putKeep'] },
  restore: {
    after: ['putKeep'],
    body: {
      ...{ holdfastBackup: 1, node: 'a', at: '2026-11-20T03:00:00Z' },
      ...{ pins: [], keeps: [{ pattern }], blocks: [], bans: [] },
    },
    largest: 64 * 2 ** 20,
    noted: { subject: 'backup of a, 2026-11-20T03:00:00Z', after: { unchanged: 1 } },
  },
  listJobs: { after: ['putJob'] },
  getJob: { ...ofJob, query: 'parts=true', after: ['putJob'] },
  followJob: { ...ofJob, after: ['putJob'] },
  putJob: {
    ...ofJob,
    query: 'copies=2',
    body: { images: [tag], note: 'voyage' },
    noted: { subject: 'night', after: { id: 'night', images: [tag], author: 'writer' } },
  },
  deleteJob: {
    ...ofJob,
    after: ['putJob'],
    noted: { subject: 'night', before: { id: 'night', images: [tag] } },
  },
  listSchedules: { after: ['putSchedule'] },
  getSchedule: { ...ofSchedule, after: ['putSchedule'] },
  putSchedule: {
    ...ofSchedule,
    query: 'copies=2',
    body: { images: [tag], every: '0 3 * * *', note: 'voyage' },
    noted: { subject: 'nightly', after: { name: 'nightly', images: [tag], author: 'writer' } },
  },
  deleteSchedule: {
    ...ofSchedule,
    after: ['putSchedule'],
    noted: { subject: 'nightly', before: { name: 'nightly', images: [tag] } },
  },
  getReport: { query: `ref=${tag}` },
  listNodes: {},
  getNodeStatus: here,
  listNodePeers: here,
  listNodeAudit: { ...here, query: 'caller=writer&since=2020-01-01T00:00:00Z&limit=1' },
  getNodeDiagnostics: here,
  getNodeStore: here,
  getNodeCollection: here,
  collectNodeStore: {
    ...here,
    body: { dryRun: true },
    noted: { subject: 'a', after: { bytes: 0 } },
  },
  getNodeScrub: here,
  startNodeScrub: {
    ...here,
    noted: { subject: 'a', before: { running: false }, after: { running: true } },
  },
  getMode: { after: ['putMode'] },
  putMode: {
    query: 'copies=2',
    body: { mode: 'online', forSeconds: 60, note: 'voyage' },
    noted: { subject: 'cluster', after: { mode: 'online', by: 'writer', note: 'voyage' } },
  },
  deleteMode: {
    after: ['putMode'],
    noted: { subject: 'cluster', before: { mode: 'online', by: 'writer' } },
  },
  getNodeMode: here,
  putNodeMode: {
    ...here,
    body: { mode: 'online', forSeconds: 60 },
    noted: { subject: 'a', before: { mode: 'auto' }, after: { mode: 'online' } },
  },
  deleteNodeMode: {
    ...here,
    after: ['putNodeMode'],
    noted: { subject: 'a', before: { mode: 'online' }, after: { mode: 'auto' } },
  },
  getNodeLogLevel: here,
  putNodeLogLevel: {
    ...here,
    body: { level: 'warn', forSeconds: 60 },
    noted: { subject: 'a', after: 'warn' },
  },
  getNodeConfig: here,
  listAudit: { query: 'subject=nobody&until=2099-01-01T00:00:00Z&limit=1' },
  importArchive: {
    body: tar(layoutOf([{ image: imported, annotations: fullName(`${registryName}/in:1`) }])),
    noted: { subject: 'an archive', after: { images: [{ digest: imported.digest }] } },
  },
  exportImages: { query: `ref=${tag}`, after: ['refreshTag'] },
  exportImagesSince: {
    query: `ref=${tag}`,
    after: ['refreshTag'],
    body: encodeNote({ blobs: [image.digest], needs: [], earlier: [] }),
  },
}
