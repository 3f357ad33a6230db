import type { AdminApi } from './admin-api.ts'
import { jobsAnswer } from './job-answers.ts'
import { progressOf } from './job-words.ts'
import { listPins } from './list-pins.ts'
import { nodesAnswer } from './node-answers.ts'
import { exclusionsAnswer, keepsAnswer } from './operator-answers.ts'
import { schedulesAnswer } from './schedule-words.ts'
import { tagsAnswer } from './tag-answers.ts'

/** A word that may be typed, and what it means; empty: it says that itself. */
export interface Candidate {
  readonly word: string
  readonly means: string
}

/** Candidates of one kind that are offered. */
const most = 1_000

type List = (api: AdminApi, typed: string) => Promise<readonly Candidate[]>

/** What a node can be asked for while somebody types. */
const lists = {
  async nodes(api) {
    const { items } = await api.get('/api/v1/nodes', {}, nodesAnswer)
    const known = items.filter(({ state }) => state !== 'banned')
    return known.map(({ name, state }) => ({ word: name, means: state }))
  },
  tags: listTags,
  async repositories(api, typed) {
    const tags = await listTags(api, typed)
    return tags.map(({ word }) => ({ word: word.slice(0, word.lastIndexOf(':')), means: '' }))
  },
  async pins(api, typed) {
    const { items } = await listPins(api, most)
    return items.flatMap(({ reference, standing, note }) =>
      asTyped(reference, typed).map(word => ({ word, means: note ?? standing })),
    )
  },
  async jobs(api) {
    const { items } = await api.get('/api/v1/jobs', { limit: 100 }, jobsAnswer)
    return items.map(job => ({ word: job.id, means: `${job.state}: ${progressOf(job)}` }))
  },
  async schedules(api) {
    const { items } = await api.get('/api/v1/schedules', {}, schedulesAnswer)
    return items.map(({ name, every }) => ({ word: name, means: every }))
  },
  async keeps(api) {
    const { items } = await api.get('/api/v1/keeps', {}, keepsAnswer)
    const said = items.filter(({ setAt }) => setAt != null)
    return said.map(({ pattern, note }) => ({ word: pattern, means: note ?? '' }))
  },
  async bans(api) {
    const { items } = await api.get('/api/v1/bans', {}, exclusionsAnswer)
    return items.map(({ key, name, note }) => ({ word: name ?? key, means: note ?? '' }))
  },
  async blocks(api) {
    const { items } = await api.get('/api/v1/blocks', {}, exclusionsAnswer)
    return items.map(({ key, note }) => ({ word: key, means: note ?? '' }))
  },
} satisfies Record<string, List>

/** What can be listed. */
export type CandidateKind = keyof typeof lists

export const isCandidateKind = (word: string): word is CandidateKind => Object.hasOwn(lists, word)

/** What may be meant by the beginning of a word. Throws `CommandFailure`. */
export async function listCandidates(
  api: AdminApi,
  kind: CandidateKind,
  typed: string,
): Promise<readonly Candidate[]> {
  const listed = await lists[kind](api, typed)
  const fitting = listed.filter(({ word }) => word.startsWith(typed) && isPlain(word))
  const once = new Map(fitting.map(({ word, means }) => [word, { word, means: inOneLine(means) }]))
  return [...once.values()].slice(0, most)
}

/** Names come from other nodes, too: what is no word of a line is none here. */
const isPlain = (word: string): boolean => /^[^\s\p{C}]+$/u.test(word)
const inOneLine = (text: string): string => text.replaceAll(/[\s\p{C}]+/gu, ' ').trim()

/** What may be left out at the beginning of a reference, the longest first. */
const implied = ['docker.io/library/', 'docker.io/'] as const

/** A reference as somebody writes it who began so; none where he means another. */
function asTyped(reference: string, typed: string): readonly string[] {
  if (reference.startsWith(typed)) return [reference]
  return implied
    .filter(left => reference.startsWith(left + typed))
    .slice(0, 1)
    .map(left => reference.slice(left.length))
}

async function listTags(api: AdminApi, typed: string): Promise<readonly Candidate[]> {
  const prefixes = ['', ...implied].map(left => left + typed)
  const pages = await Promise.all(
    prefixes.map(prefix => api.get('/api/v1/tags', { prefix, limit: most }, tagsAnswer)),
  )
  const items = pages.flatMap(page => page.items)
  return items.flatMap(({ reference, pinned, source }) =>
    asTyped(reference, typed).map(word => ({
      word,
      means: pinned === true ? 'pinned' : (source ?? ''),
    })),
  )
}
