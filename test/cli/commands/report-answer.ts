import { cli, scriptAdmin } from '../support.ts'

/** What a node answers that is asked for a report, and what is said of it. */

export const digest = `sha256:${'c'.repeat(64)}`
export const asOf = '2026-11-21T12:00:00.000Z'
const platforms = ['linux/amd64']
export const nodes = [
  { name: 'bridge', platforms, heard: true },
  { name: 'galley', platforms, heard: true },
]
export const ready = {
  reference: 'docker.io/library/nginx:1.27',
  verdict: 'ready',
  why: 'keep',
  digest,
  confirmedAt: '2026-11-21T11:57:00.000Z',
  standings: [
    { node: 'bridge', standing: 'here' },
    { node: 'galley', standing: 'here' },
  ],
  copies: [{ platform: 'linux/amd64', held: 2, wanted: 2 }],
  missing: [],
}
export const standings = (bridge: string, galley: string) => [
  { node: 'bridge', standing: bridge },
  { node: 'galley', standing: galley },
]
type Items = readonly ({ readonly verdict: string } & Readonly<Record<string, unknown>>)[]

/** A report on these images, as a node answers it. */
export function answerOf(items: Items, more: object = {}): object {
  const count = (verdict: string) => items.filter(item => item.verdict === verdict).length
  return {
    asOf,
    verdict: ['not-ready', 'at-risk'].find(verdict => count(verdict) > 0) ?? 'ready',
    counts: { ready: count('ready'), atRisk: count('at-risk'), notReady: count('not-ready') },
    truncated: false,
    emptyKeeps: [],
    nodes,
    items,
    ...more,
  }
}

/** What `holdfast report` says of these images. */
export async function report(
  t: Parameters<typeof scriptAdmin>[0],
  items: Items,
  more: object = {},
  words: readonly string[] = [],
) {
  const { env, asked } = await scriptAdmin(t, () => [200, answerOf(items, more)])
  return { ...(await cli(['report', ...words], { env })), asked }
}
