import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { formatAge, formatBytes, print, readReference } from '../print.ts'
import { readImageList } from '../read-image-list.ts'
import { type ReportAnswer, reportAnswer } from '../report-answers.ts'
import { columns, type Line } from '../table.ts'

type Item = ReportAnswer['items'][number]
type Nodes = Pick<ReportAnswer, 'nodes'>

/** `holdfast report [REF]…` and `holdfast report --running` */
export const run: RunCommand = async context => {
  const { node, list } = context.options
  const listed = list === undefined ? [] : await readImageList(list)
  const ref = [...context.words, ...listed].map(word => formatReference(readReference(word)))
  const running = context.options['running'] === undefined ? undefined : 'true'
  if (running !== undefined && ref.length > 0) {
    throw new CommandFailure('usage', '--running is about what runs: name no image with it')
  }
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/report', { ref, running, node }, reportAnswer)
  if (node !== undefined) mustHaveAnswered(answer)
  print(context, answer, () => lines(answer))
  if (answer.items.length === 0) return 'noAnswer'
  return answer.verdict === 'ready' && !answer.truncated ? 'ok' : 'faulty'
}

/** Throws `CommandFailure`: of a node that says nothing there is nothing to tell. */
function mustHaveAnswered(answer: ReportAnswer): void {
  const silent = silentOf(answer)
  if (silent.length > 0) {
    throw new CommandFailure(
      'unreachable',
      `${doNotAnswer(silent)}: nobody can tell what would start there`,
    )
  }
}

const silentOf = ({ nodes }: Nodes): readonly string[] =>
  nodes.filter(({ heard }) => !heard).map(({ name }) => name)

const doNotAnswer = (names: readonly string[]): string =>
  `${listOf(names)} ${names.length === 1 ? 'does' : 'do'} not answer`

const listOf = (names: readonly string[], last: 'and' | 'or' = 'and'): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} ${last} ${names.at(-1)}`

function lines(answer: ReportAnswer): readonly Line[] {
  const { items, truncated } = answer
  if (items.length === 0) return answer.pods == null ? noneKept(answer) : nothingRuns(answer.pods)
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
    ...tellSilent(answer),
    ...unseen(answer.pods ?? []),
    ...cures(answer),
    ...tellEmpty(answer.emptyKeeps),
  ]
  return [
    summary(answer),
    '',
    ...columns([['TAG', 'VERDICT', 'CONFIRMED', 'COPIES', 'WHAT'], ...rows]),
    ...(about.length > 0 ? ['', ...about] : []),
  ]
}

/** When its registry last said so; what is pinned nobody confirms. */
function confirmedOf({ confirmedAt, why, blocked }: Item, now: number): string {
  if (confirmedAt != null) return `${formatAge((now - Date.parse(confirmedAt)) / 1000)} ago`
  return why === 'pin' && blocked == null ? 'pinned' : ''
}

function tellSilent(answer: ReportAnswer): string[] {
  if (silentOf(answer).length === 0) return []
  const others = answer.nodes.flatMap(({ name, heard }) => (heard ? [name] : []))
  return [
    `what does not answer is not judged: start it, or judge the others alone with \`--node ${others.join()}\`; after a week it is forgotten`,
  ]
}

const noneKept = ({ emptyKeeps }: ReportAnswer): readonly string[] =>
  emptyKeeps.length === 0 ? nothingKept : tellEmpty(emptyKeeps)

const tellEmpty = (patterns: readonly string[]): string[] =>
  patterns.map(
    pattern =>
      `no tag that ${pattern} keeps is known yet: pull one, or fetch it with \`holdfast warm REF\``,
  )

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

/** Reads well aloud. */
function summary(answer: ReportAnswer): string {
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

/** Where platforms differ, each is told. */
function copiesOf({ copies }: Item): string {
  const told = copies.map(({ platform, held, wanted }) => [platform, `${held}/${wanted}`] as const)
  const same = new Set(told.map(([, count]) => count))
  if (same.size <= 1) return told[0]?.[1] ?? ''
  return told.map(([platform, count]) => `${platform} ${count}`).join(', ')
}

const whatOf = (item: Item, answer: Nodes): string =>
  [...blockOf(item), ...faultOf(item, answer)].filter(part => part !== '').join('; ')

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

/** It starts everywhere, from as many copies as it should have. */
const isWell = ({ standings, copies }: Item): boolean =>
  standings.every(({ standing }) => fine.includes(standing)) &&
  copies.every(({ held, wanted }) => held >= wanted)

const fine = ['here', 'in-reach', 'not-for']

/** Nothing that a node fetches makes it start. */
const isForNobody = ({ standings }: Item): boolean =>
  standings.length > 0 && standings.every(({ standing }) => standing === 'not-for')

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
  if (unaware.length > 0) return `not known on ${unaware.join(', ')} yet`
  const lacking = standing('lacking')
  const older = standing('older')
  const missing = item.missing.length > 0 ? [missingOf(item)] : []
  if (lacking.length > 0) return [...missing, `does not start on ${lacking.join(', ')}`].join('; ')
  if (older.length > 0) {
    const digest = item.olderDigest?.slice(0, 19) ?? ''
    return [...missing, `an earlier image starts on ${older.join(', ')}: ${digest}…`].join('; ')
  }
  const holders = standing('here')
  return holders.length === 0
    ? 'no node holds all of it: each has parts from others'
    : `held by ${holders.join(', ')} alone`
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

/** What mends it, by what stands in the way. */
function cures(answer: ReportAnswer): string[] {
  const { items, nodes } = answer
  const faulty = items.filter(item => faultOf(item, answer).length > 0 && item.digest != null)
  const bad = faulty.filter(item => !isForNobody(item))
  const unkept = bad.filter(({ kept, why }) => !(kept ?? why !== 'named'))
  const [byDigest, byTag] = [unkept.filter(isByDigest), unkept.filter(item => !isByDigest(item))]
  const unknown = items.filter(item => item.digest == null && item.blocked == null)
  const blocked = new Set(items.flatMap(item => item.blocked?.digest ?? []))
  const full = bad.length === 0 ? [] : nodes.filter(node => node.full === true)
  const cure = (found: readonly Item[], tell: (ref: string) => string): string[] =>
    found.length === 0 ? [] : [tell(found.length === 1 ? (found[0]?.reference ?? '') : 'REF')]
  return [
    ...[...blocked].map(
      digest => `\`holdfast unblock ${digest}\` lets it be served again, on every node`,
    ),
    ...full.map(
      ({ name }) =>
        `the store of ${name} is full, and it fetches nothing until there is room: \`holdfast store --node ${name}\` tells what takes it`,
    ),
    ...cure(
      unknown,
      ref =>
        `\`holdfast warm ${ref}\` asks the registry for what nothing is known of, and fetches it`,
    ),
    ...cure(
      byDigest,
      ref =>
        `\`holdfast warm ${ref}\` has the nodes fetch it; a digest is not kept, a tag that is pinned to it is`,
    ),
    ...cure(
      byTag,
      ref =>
        `\`holdfast keep ${ref}\` has the nodes that are to hold it fetch it while its registry can be reached`,
    ),
    ...cure(
      faulty.filter(item => isForNobody(item) && !isByDigest(item)),
      ref => `\`holdfast explain ${ref}\` tells which platforms it is for`,
    ),
    ...(bad.length > unkept.length ? [comesByItself({ nodes }, full.length > 0)] : []),
  ]
}

const isByDigest = ({ reference }: Item): boolean => reference.includes('@')

function comesByItself(answer: Nodes, isOneFull: boolean): string {
  const away = silentOf(answer)
  const back = away.length === 0 ? '' : `; what ${listOf(away)} held counts again once it answers`
  const room = isOneFull ? ', once there is room' : ''
  return `what is pinned or kept is fetched by itself, from nodes that hold it or from its registry${room}${back}; \`holdfast status\` tells whether registries can be reached`
}
