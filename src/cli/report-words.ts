import { formatAge, formatBytes } from './print.ts'
import type { ReportAnswer } from './report-answers.ts'
import { tellCures, tellEmpty, tellSilent } from './report-cures.ts'
import type { Failed } from './report-failed.ts'
import {
  doNotAnswer,
  fine,
  type Item,
  isForNobody,
  listOf,
  type Nodes,
  silentOf,
  some,
} from './report-terms.ts'
import { columns, type Line } from './table.ts'
import type { Typed } from './type-again.ts'

/** What is known beside a report. */
interface Besides {
  /** What was tried in vain a moment ago. */
  readonly failed?: Failed | undefined
  /** Registries that no node may ask. */
  readonly unaskable?: readonly string[]
}

/** A report for a person. */
export function reportLines(
  answer: ReportAnswer,
  typed: Typed,
  { failed = new Map(), unaskable = [] }: Besides = {},
): readonly Line[] {
  const { items, truncated } = answer
  if (items.length === 0)
    return answer.pods == null ? noneKept(answer, unaskable) : nothingRuns(answer.pods)
  const worstFirst = items.toSorted((a, b) => order[a.verdict] - order[b.verdict])
  const now = Date.parse(answer.asOf)
  const rows = worstFirst.map(item => [
    item.reference,
    words[item.verdict],
    confirmedOf(item, now),
    copiesOf(item),
    whatOf(item, answer),
  ])
  const about = [
    ...(truncated ? [`there are more; the first ${items.length} were looked at`] : []),
    ...(answer.cutOff == null ? [] : [`this node reaches no other: ${answer.cutOff}`]),
    ...tellSilent(answer, typed),
    ...unseen(answer.pods ?? []),
    ...tellEmpty(answer.emptyKeeps, unaskable),
    ...tellCures(answer, typed, failed),
  ]
  return [
    tellWhole(answer),
    '',
    ...columns([['TAG', 'VERDICT', 'CONFIRMED', 'COPIES', 'WHAT'], ...rows]),
    ...(about.length > 0 ? ['', ...about] : []),
  ]
}

/** When its registry last said so; what is pinned nobody confirms. */
function confirmedOf({ confirmedAt, why, pinned, blocked }: Item, now: number): string {
  if (pinned ?? (why === 'pin' && blocked == null)) return 'pinned'
  return confirmedAt == null ? '' : `${formatAge((now - Date.parse(confirmedAt)) / 1000)} ago`
}

const noneKept = ({ emptyKeeps }: ReportAnswer, unaskable: readonly string[]): readonly string[] =>
  emptyKeeps.length === 0 ? nothingKept : tellEmpty(emptyKeeps, unaskable)

const nothingKept = [
  'nothing is to be kept: there is no pin and no keep, so there is nothing to report on',
  '`holdfast report REF…` looks at tags that you name, `holdfast keep PATTERN` says what must stay available',
]

type Pods = NonNullable<ReportAnswer['pods']>

const nothingRuns = (pods: Pods): string[] => [
  'no pod runs anything, as far as is known',
  ...unseen(pods),
]

/** Where what runs is not known, and why. */
const unseen = (pods: Pods): string[] =>
  pods.flatMap(({ name, state, failure }) => {
    if (state === 'seen' || state === 'silent') return []
    const why = state === 'off' ? 'keep.running is off there' : (failure ?? 'it has only begun')
    return [`what the pods of ${name} run is not known: ${why}`]
  })

const order = { 'not-ready': 0, 'at-risk': 1, ready: 2 } as const
const words = { 'not-ready': 'not ready', 'at-risk': 'at risk', ready: 'ready' } as const

const allOf = (count: number): string => (count === 2 ? 'both' : `all ${count}`)

/** The whole in one sentence or two, which reads well aloud. */
export function tellWhole(answer: ReportAnswer): string {
  const { counts, items } = answer
  if (counts.ready === items.length) return whereAllStarts(answer)
  const silent = silentOf(answer)
  const parts = [
    ...(counts.notReady > 0 ? [`${counts.notReady} not ready`] : []),
    ...(counts.atRisk > 0 ? [`${counts.atRisk} at risk`] : []),
    ...(counts.ready > 0 ? [`${counts.ready} ready`] : []),
  ]
  const title = counts.notReady > 0 ? 'Not ready' : 'At risk'
  const which =
    items.length === 1 ? items[0]?.reference : `of ${items.length} images, ${parts.join(', ')}`
  const who = silent.length === 0 ? '' : ` ${doNotAnswer(silent)}.`
  return `${title}: ${which}.${who}${unmetOf(answer)}`
}

function whereAllStarts(answer: ReportAnswer): string {
  const { items, nodes, verdict } = answer
  const heard = nodes.filter(node => node.heard)
  const silent = silentOf(answer)
  const where = heard.length === 1 ? `on ${heard[0]?.name}` : `on ${allOf(heard.length)} nodes`
  const start = `${items.length === 1 ? 'the image' : `${allOf(items.length)} images`} would start ${where}`
  if (silent.length === 0) {
    const title = verdict === 'ready' ? 'Ready' : 'At risk'
    return `${title}: ${start} without any registry.${unmetOf(answer)}`
  }
  const which = heard.length > 1 ? ' that answer' : ''
  return `At risk: ${doNotAnswer(silent)}. Without any registry ${start}${which}.${unmetOf(answer)}`
}

/** How much is kept that nothing is known of. */
function unmetOf({ emptyKeeps }: ReportAnswer): string {
  const { length } = emptyKeeps
  if (length === 0) return ''
  return length === 1 ? ' One keep fits no known tag.' : ` ${length} keeps fit no known tag.`
}

/** How many, and of how many where they are too few. Where platforms differ, each is told. */
function copiesOf({ copies }: Item): string {
  const told = copies.map(
    ({ platform, held, wanted }) =>
      [platform, held < wanted ? `${held} of ${wanted}` : `${held}`] as const,
  )
  const same = new Set(told.map(([, count]) => count))
  if (same.size <= 1) return told[0]?.[1] ?? ''
  return told.map(([platform, count]) => `${platform} ${count}`).join(', ')
}

const whatOf = (item: Item, answer: Nodes): string =>
  [...blockOf(item), ...faultOf(item, answer), ...referrersOf(item)]
    .filter(part => part !== '')
    .join('; ')

/** What a block took away. */
function blockOf({ blocked, digest }: Item): string[] {
  if (blocked == null) return []
  const short = `${blocked.digest.slice(0, 19)}…`
  if (!blocked.isPin) return [`all that is known of it is blocked: ${short}`]
  const instead =
    digest == null ? 'nothing else is known of it' : 'what it stands for otherwise counts'
  return [`its pin is blocked (${short}): ${instead}`]
}

function faultOf(item: Item, answer: Nodes): string[] {
  if (item.verdict === 'ready') return []
  if (item.digest == null) return item.blocked == null ? ['nothing is known of this tag'] : []
  if (item.blocked != null && isWell(item)) return []
  return [standingOf(item, answer)]
}

/** Signatures, SBOMs and what else refers to it, where too few nodes hold it. */
function referrersOf({ referrers, moreReferrers }: Item): string[] {
  const known = (referrers ?? []).filter(({ wanted }) => wanted > 0)
  const all = known.length + (moreReferrers ?? 0)
  const missing = known.filter(({ held }) => held === 0).length
  const thin = known.filter(({ held, wanted }) => held > 0 && held < wanted).length
  if (missing > 0) {
    const others = thin > 0 ? `, ${thin} on too few` : ''
    return [`${partOf(missing, all)} whole on no node${others}`]
  }
  return thin > 0 ? [`${partOf(thin, all)} on too few nodes`] : []
}

/** Of so many referrers. */
function partOf(count: number, all: number): string {
  const which = count < all ? `${count} of ${all}` : count === 1 ? 'its one' : `its ${count}`
  const what = all === 1 ? 'referrer (signature, SBOM)' : 'referrers (signatures, SBOMs)'
  return `${which} ${what} ${count === 1 ? 'is' : 'are'}`
}

/** It starts everywhere, from as many copies as it should have. */
const isWell = ({ standings, copies }: Item): boolean =>
  standings.every(({ standing }) => fine.includes(standing)) &&
  copies.every(({ held, wanted }) => held >= wanted)

function tellForNobody({ nodes }: Nodes): string {
  const platforms = new Set(nodes.flatMap(node => node.platforms ?? []))
  const whom = platforms.size === 0 ? 'the platform of any node' : listOf([...platforms], 'or')
  return `the image has nothing for ${whom}`
}

function standingOf(item: Item, answer: Nodes): string {
  const standing = (wanted: string) =>
    item.standings.filter(one => one.standing === wanted).map(({ node }) => node)
  if (isForNobody(item)) return tellForNobody(answer)
  const unaware = standing('unaware')
  if (unaware.length > 0) return `not known on ${some(unaware)} yet`
  const lacking = standing('lacking')
  const older = standing('older')
  const missing = item.missing.length > 0 ? [missingOf(item)] : []
  if (lacking.length > 0) return [...missing, `does not start on ${some(lacking)}`].join('; ')
  if (older.length > 0) {
    const digest = item.olderDigest?.slice(0, 19) ?? ''
    return [...missing, `an earlier image starts on ${some(older)}: ${digest}…`].join('; ')
  }
  const holders = item.holders ?? standing('here')
  return holders.length === 0
    ? 'no node holds all of it: each has parts from others'
    : `held by ${some(holders)} alone`
}

function missingOf({ missing }: Item): string {
  const manifests = missing.filter(({ kind }) => kind === 'manifest').length
  const blobs = missing.length - manifests
  const bytes = missing.reduce((sum, { size }) => sum + (size ?? 0), 0)
  const parts = [
    ...(manifests > 0 ? [manifests === 1 ? 'its manifest' : `${manifests} manifests`] : []),
    ...(blobs > 0 ? [blobs === 1 ? 'one blob' : `${blobs} blobs`] : []),
  ]
  const size = bytes > 0 ? ` (${formatBytes(bytes)})` : ''
  const isOne = missing.length === 1
  return `${parts.join(' and ')}${size} ${isOne ? 'is' : 'are'} missing everywhere`
}
