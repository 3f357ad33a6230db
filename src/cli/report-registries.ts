import { parseReference } from '../oci/reference.ts'
import { formatAge } from './print.ts'
import type { ReportAnswer } from './report-answers.ts'
import { type Item, listOf } from './report-terms.ts'

type Registry = NonNullable<ReportAnswer['registries']>[number]
type NodeReach = Registry['nodes'][number]

/** Images that are written out one by one. */
const maxTyped = 5
/** What answered so lately is not told to have, ms. */
const latelyMs = 120_000

/** The registry that an image comes from. */
export const registryOf = ({ reference }: Pick<Item, 'reference'>): string =>
  parseReference(reference).registry

/** Nodes said whether they may ask it, and none may. */
export const isUnconfigured = (
  wanted: string,
  { registries }: Pick<ReportAnswer, 'registries'>,
): boolean => registries?.some(one => one.registry === wanted && mayNobodyAsk(one)) === true

const mayNobodyAsk = ({ nodes }: Registry): boolean =>
  nodes.length > 0 && nodes.every(({ state }) => state === 'unconfigured')

/** Whether what is to be fetched can be, registry by registry, and what to do where it cannot. */
export function tellRegistries(answer: ReportAnswer, toFetch: readonly Item[]): string[] {
  const nowMs = Date.parse(answer.asOf)
  return (answer.registries ?? []).flatMap(one => {
    const items = toFetch.filter(item => registryOf(item) === one.registry)
    return items.length === 0 || one.nodes.length === 0 ? [] : tellRegistry(one, items, nowMs)
  })
}

function tellRegistry(
  { registry, nodes }: Registry,
  items: readonly Item[],
  nowMs: number,
): string[] {
  const by = (state: string): readonly NodeReach[] => nodes.filter(node => node.state === state)
  const [answering, unheard] = [by('answers'), by('unheard')]
  const others = whyNot(nodes, nowMs)
  if (answering.length > 0) {
    const not = others.length === 0 ? '' : `; ${others.join('; ')}`
    return [`${registry} answers ${listOf(answering.map(node => tellAnswer(node, nowMs)))}${not}`]
  }
  if (unheard.length > 0) {
    const names = listOf(unheard.map(({ node }) => node))
    return [`whether ${registry} can be reached is not known: ${names} did not ask it so far`]
  }
  return [
    `no node reaches ${registry} now: ${others.join('; ')}`,
    ...waysOut({ registry, nodes }, items),
  ]
}

function tellAnswer({ node, answeredAt }: NodeReach, nowMs: number): string {
  const agoMs = answeredAt == null ? 0 : nowMs - Date.parse(answeredAt)
  return agoMs < latelyMs ? node : `${node} (when last asked, ${formatAge(agoMs / 1000)} ago)`
}

/** Why nodes do not reach it, those with one reason together. */
function whyNot(nodes: readonly NodeReach[], nowMs: number): readonly string[] {
  const by = (state: string): readonly NodeReach[] => nodes.filter(node => node.state === state)
  const [down, offline, unconfigured] = [by('down'), by('offline'), by('unconfigured')]
  return [
    ...(down.length === 0
      ? []
      : [`${namesOf(down)} ${has(down)} had no answer${since(down, nowMs)}`]),
    ...(offline.length === 0 ? [] : [`the mode of ${namesOf(offline)} is offline`]),
    ...(unconfigured.length === 0
      ? []
      : [`${namesOf(unconfigured)} ${has(unconfigured)} it not among the upstreams`]),
  ]
}

const namesOf = (nodes: readonly NodeReach[]): string => listOf(nodes.map(({ node }) => node))

const has = ({ length }: readonly NodeReach[]): string => (length === 1 ? 'has' : 'have')

/** Since the last of them is without. */
function since(nodes: readonly NodeReach[], nowMs: number): string {
  const times = nodes.flatMap(({ downSince }) => (downSince == null ? [] : Date.parse(downSince)))
  const forMs = times.length === 0 ? 0 : nowMs - Math.max(...times)
  return forMs < 1_000 ? '' : ` for ${formatAge(forMs / 1000)}`
}

/** What to do where no node reaches it. */
function waysOut({ registry, nodes }: Registry, items: readonly Item[]): string[] {
  const offline = nodes.find(({ state }) => state === 'offline')
  const isUnknown = mayNobodyAsk({ registry, nodes })
  return [
    ...(offline === undefined
      ? []
      : [
          `\`holdfast mode auto --for 1h --node ${offline.node}\` has it ask registries for an hour`,
        ]),
    ...(isUnknown
      ? [`upstreams in the configuration has to name ${registry}: \`${registry}: {}\``]
      : []),
    ...(items.some(needsRegistry) ? [byHand(items.filter(needsRegistry))] : []),
  ]
}

/** Nodes have no way to it among themselves. */
const needsRegistry = ({ digest, missing }: Item): boolean => digest == null || missing.length > 0

function byHand(items: readonly Item[]): string {
  const isAnyKept = items.some(({ kept }) => kept === true)
  const alone = isAnyKept ? 'what is kept comes by itself once one is reached; ' : ''
  const refs = items.map(({ reference }) => reference)
  if (refs.length > maxTyped) {
    return `${alone}by hand: \`holdfast import images.tar\` takes in what \`docker save\` or \`holdfast export\` wrote elsewhere`
  }
  return `${alone}by hand: elsewhere \`docker save ${refs.join(' ')} -o images.tar\`, then here \`holdfast import images.tar\``
}
