import { foldAnswers, type Stretch } from './fold-answers.ts'
import { formatSayer, properties } from './print.ts'
import { columns, type Line } from './table.ts'
import type { NodeWhyAnswer, WhyAnswer, WhyContainer } from './why-answers.ts'

type Given = NodeWhyAnswer['resolutions'][number]
type Named = WhyContainer['images'][number]

/** What is known of a pod or an image, on all nodes that say something. */
export function whyLines({ nodes }: WhyAnswer): readonly Line[] {
  const ofPod = nodes.filter(({ isPod }) => isPod)
  if (ofPod.length > 0) {
    return separated(
      ofPod.flatMap(answer => answer.containers.map(one => containerLines(answer, one))),
    )
  }
  const answers = nodes.flatMap(({ node, resolutions }) =>
    foldAnswers(resolutions).map(stretch => stretchLines(node, stretch)),
  )
  const runs = nodes.flatMap(({ node, containers }) => containers.map(one => [node, one] as const))
  return separated([...answers, ...(runs.length > 0 ? [runLines(runs)] : [])])
}

/** Whom nothing is known of, and why. */
export const unknownLines = ({ nodes, silent }: WhyAnswer): string[] => [
  ...nodes
    .filter(({ pods }) => pods.state === 'unseen')
    .map(({ node, pods }) => `what the pods of ${node} run is not known: ${pods.failure}`),
  ...silent.map(({ node, detail }) => `${node} gave no answer: ${detail}`),
]

const separated = (blocks: readonly (readonly Line[])[]): readonly Line[] =>
  blocks.flatMap((block, index) => (index === 0 ? block : ['', ...block]))

const span = (firstAt: string, lastAt: string): string =>
  firstAt === lastAt ? lastAt : `${firstAt} to ${lastAt}`

function stretchLines(node: string, stretch: Stretch): readonly Line[] {
  const { reference, digest, firstAt, lastAt, count, grounds } = stretch
  const [only] = grounds
  const isOne = grounds.length === 1
  return [
    span(firstAt, lastAt),
    ...properties([
      ['node', node],
      ['reference', reference],
      ['digest', digest ?? 'none'],
      ...(isOne && only !== undefined ? onlyGround(only) : grounds.map(groundEntry)),
      ['times', String(count)],
    ]),
  ]
}

type Entry = Parameters<typeof properties>[0][number]

const onlyGround = ({ source, reason, saidBy, saidByName }: Given): readonly Entry[] => [
  ['source', source],
  ['because', reason],
  ['said by', formatSayer(saidBy, saidByName)],
]

function groundEntry({ source, reason, saidBy, saidByName, count }: Given, at: number): Entry {
  const sayer = formatSayer(saidBy, saidByName)
  const by = sayer === undefined ? '' : `, said by ${sayer}`
  return [at === 0 ? 'because' : '', `${source} ×${count}: ${reason}${by}`]
}

/** Pods are looked at when somebody asks. What was seen longer ago than this, ms, before the answer is from an earlier look. */
const freshMs = 5_000

function containerLines({ node, asOf }: NodeWhyAnswer, one: WhyContainer): readonly Line[] {
  const { namespace, pod, container, running, firstAt, madeAt, lastAt, digest, images } = one
  const agoMs = Date.parse(asOf) - Date.parse(lastAt)
  const seen = agoMs > freshMs ? `, as seen ${Math.round(agoMs / 1000)} s ago` : ''
  const since = madeAt ?? firstAt
  const when = running ? `runs since ${since}${seen}` : `ran from ${firstAt}, last seen ${lastAt}`
  const what = `${namespace}/${pod}, container ${container}, on ${node}: ${when}`
  return [
    what,
    ...properties([['runs', digest ?? 'an image that its runtime no longer knows']]),
    ...images.flatMap(image => imageLines(image, digest)),
  ]
}

/** What the pod names, what was answered for it then, and what it would get now. */
function imageLines({ reference, answered, now }: Named, digest: string | null | undefined) {
  if (now == null) return properties([['image', `${reference}: a digest asks nobody`]])
  const isAnswer = answered?.digest != null && answered.digest === digest
  return properties([
    ['image', reference],
    ['answered', answered == null ? neverAnswered : answerOf(answered, isAnswer)],
    ['because', isAnswer ? answered?.reason : undefined],
    ['said by', isAnswer ? formatSayer(answered?.saidBy, answered?.saidByName) : undefined],
    ['now', nowOf(now, digest)],
  ])
}

const neverAnswered =
  'nothing that this node remembers: the image was there already, or came past Holdfast'

function answerOf({ digest, source, firstAt, lastAt }: Given, isAnswer: boolean): string {
  const when = `${source}, ${span(firstAt, lastAt)}`
  if (isAnswer) return `this digest (${when})`
  const other = digest == null ? 'nothing' : digest
  return `${other} (${when}), not what runs: that was there already, or came past Holdfast`
}

function nowOf(now: NonNullable<Named['now']>, digest: string | null | undefined): string {
  if (!now.found) return `nothing: ${now.reason}`
  const what = now.digest === digest ? 'the same digest' : now.digest
  return `${what} (${now.source}): ${now.reason}`
}

function runLines(runs: readonly (readonly [string, WhyContainer])[]): readonly Line[] {
  const rows = runs.map(([node, one]) => [
    `${one.namespace}/${one.pod}`,
    one.container,
    node,
    one.running ? `since ${one.madeAt ?? one.firstAt}` : `until ${one.lastAt}`,
    one.digest ?? 'not known',
  ])
  return columns([['POD', 'CONTAINER', 'NODE', 'RUNS', 'DIGEST'], ...rows])
}
