import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { askNodes } from '../each-node.ts'
import type { ExitCode } from '../exit-codes.ts'
import { exceptionProperties, findModeExceptions, type ModeExceptions } from '../mode-exceptions.ts'
import {
  type ClusterModeAnswer,
  type ClusterModeChangeAnswer,
  clusterModeAnswer,
  clusterModeChangeAnswer,
  type ModeAnswer,
  modeAnswer,
} from '../node-answers.ts'
import { noForWithout, readFor } from '../node-words.ts'
import {
  beforeLines,
  hasEnough,
  mustHaveBeen,
  readCopies,
  storedOnProperty,
  tooFewLines,
} from '../operator-words.ts'
import { formatSayer, print, properties } from '../print.ts'
import { goOnWith, overStanding } from '../standing-word.ts'
import type { Line } from '../table.ts'

const meanings: Readonly<Record<string, string>> = {
  auto: 'registries are asked, and left alone while they are known to be down',
  online: 'registries are asked always',
  offline: 'registries are not asked',
}

/** `holdfast mode [auto|online|offline|configured] [--cluster]` */
export const run: RunCommand = async context => {
  const wish = readWish(context)
  if (context.options['cluster'] !== undefined) return runOnCluster(context, wish)
  for (const name of ['copies', 'note', 'author']) {
    if (context.options[name] !== undefined) {
      throw new CommandFailure('usage', `--${name} is of a mode that is set with --cluster`)
    }
  }
  return askNodes(context, {
    what: 'mode',
    ask: asking(wish),
    lines,
    heads: ['MODE', 'DECIDED BY', 'CONFIGURED', 'SET BY', 'UNTIL'],
    row: ({ mode, decidedBy, configured, set, cluster }) => {
      const { by, until } = set ?? cluster ?? {}
      return [mode, decidedBy, configured, by ?? '', until ?? '']
    },
  })
}

/** What is wanted; `undefined`: only to know. */
type Wish = { readonly mode: string; readonly forSeconds: number | undefined } | 'lift' | undefined

/** Throws `CommandFailure` with `usage`. */
function readWish(context: CommandContext): Wish {
  const [word] = context.words
  const forSeconds = readFor(context.options['for'])
  if (word === 'configured' && forSeconds !== undefined) {
    throw new CommandFailure(
      'usage',
      '--for says how long a mode is set, and configured takes back what was set: leave --for out',
    )
  }
  if (word === 'configured') return 'lift'
  if (word === undefined) {
    noForWithout(context, 'a mode')
    return undefined
  }
  if (Object.hasOwn(meanings, word)) return { mode: word, forSeconds }
  const cure = 'it is auto, online, offline, or configured'
  throw new CommandFailure('usage', `${JSON.stringify(word)} is no mode; ${cure}`)
}

function asking(wish: Wish): (api: AdminApi, path: string) => Promise<ModeAnswer> {
  if (wish === undefined) return (api, path) => api.get(path, {}, modeAnswer)
  if (wish === 'lift') return (api, path) => api.change('DELETE', path, { query: {} }, modeAnswer)
  return (api, path) => api.change('PUT', path, { query: {}, body: wish }, modeAnswer)
}

async function runOnCluster(context: CommandContext, wish: Wish): Promise<ExitCode> {
  if (context.options['node'] !== undefined) {
    throw new CommandFailure('usage', '--node is one node and --cluster is all: name one of them')
  }
  const copies = readCopies(context.options['copies'])
  const access = await findAdmin(context)
  const api = createAdminApi(access)
  if (wish === undefined) {
    const answer = await api.get(clusterPath, {}, clusterModeAnswer)
    const but = await exceptionsTo(access, answer)
    print(context, { ...answer, ...but }, () => clusterLines(answer, but))
    return 'ok'
  }
  const query = { copies }
  const answer =
    wish === 'lift'
      ? await api.change('DELETE', clusterPath, { query }, clusterModeChangeAnswer)
      : await setOnCluster(api, { query, wish, options: context.options })
  if (wish === 'lift') mustHaveBeen(answer, notSet)
  const but = await exceptionsTo(access, answer)
  print(context, { ...answer, ...but }, () => [
    ...clusterLines(answer, but, [storedOnProperty(answer.storedOn)]),
    ...tellBefore(answer),
    ...tooFewLines(answer, copies),
  ])
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

const clusterPath = '/api/v1/mode'

/** Where the same mode is set again its note stays. */
async function setOnCluster(
  api: AdminApi,
  {
    query,
    wish,
    options,
  }: {
    readonly query: { readonly copies: number | undefined }
    readonly wish: Exclude<Wish, 'lift' | undefined>
    readonly options: CommandContext['options']
  },
) {
  const { cluster } = await api.get(clusterPath, {}, clusterModeAnswer)
  const isAgain = cluster?.mode === wish.mode
  // Without --for it has no end, also where it had one.
  const expiresAt = wish.forSeconds === undefined ? '' : String(wish.forSeconds)
  const { note, author } = goOnWith(
    { note: options['note'], author: options['author'], expiresAt },
    isAgain ? { note: cluster.note, author: cluster.by, expiresAt: cluster.until } : undefined,
  )
  const body = { ...wish, note, author }
  const headers = overStanding(cluster)
  return api.change('PUT', clusterPath, { query, body, headers }, clusterModeChangeAnswer)
}

function tellBefore({ before }: ClusterModeChangeAnswer): readonly Line[] {
  if (before === undefined) return []
  const { mode, by: author, at: setAt, until: expiresAt = null, ...said } = before
  return beforeLines({ before: { ...said, author, setAt, expiresAt } }, [['mode', mode]])
}

/** Where nothing is set for all there is no exception to it. */
const exceptionsTo = async (
  access: Parameters<typeof findModeExceptions>[0],
  { cluster }: ClusterModeAnswer,
): Promise<ModeExceptions | undefined> =>
  cluster && (await findModeExceptions(access, cluster.mode))

const notSet = 'no mode is set for all nodes; `holdfast mode --node all` tells what each is'

function clusterLines(
  { cluster }: ClusterModeAnswer,
  but: ModeExceptions | undefined,
  more: Parameters<typeof properties>[0] = [],
): readonly Line[] {
  const count = but?.exceptions.length ?? 0
  const who = count === 0 ? 'all nodes' : `all nodes but ${count}`
  return [
    cluster === undefined
      ? 'no mode is set for all nodes: each is as it is configured, or set'
      : `${who} are ${cluster.mode}: ${meanings[cluster.mode] ?? ''}`,
    ...properties([...setProperties(cluster), ...(but ? exceptionProperties(but) : []), ...more]),
  ]
}

function lines({ node, mode, decidedBy, configured, set, cluster }: ModeAnswer): readonly Line[] {
  return [
    `${node} is ${mode}: ${meanings[mode] ?? ''}`,
    ...properties([
      ['scope', scopeOf({ node, decidedBy })],
      ...setProperties(decidedBy === 'cluster' ? cluster : set),
      ['all nodes', decidedBy === 'node' ? cluster && tellUnder(cluster) : undefined],
      ['configured', decidedBy === 'configuration' ? undefined : configured],
    ]),
  ]
}

/** Whom a mode is of that an operator set, and what ends it. */
function scopeOf({ node, decidedBy }: Pick<ModeAnswer, 'node' | 'decidedBy'>): string | undefined {
  if (decidedBy === 'cluster') return 'all nodes; `holdfast mode configured --cluster` ends it'
  if (decidedBy !== 'node') return undefined
  return `this node alone; \`holdfast mode configured --node ${node}\` ends it`
}

/** What is set for all nodes while this one has a mode of its own. */
const tellUnder = ({ mode, by, until }: NonNullable<ModeAnswer['cluster']>): string =>
  `${mode}, set by ${by}${until == null ? '' : ` until ${until}`}; it counts here once this node has no mode of its own`

const setProperties = (
  set: ModeAnswer['set'] | ModeAnswer['cluster'],
): readonly (readonly [string, string | undefined | null])[] => [
  ['set by', set?.by],
  ['on', set && 'setOn' in set ? formatSayer(set.setOn, set.setOnName) : undefined],
  ['at', set?.at],
  ['until', set && (set.until ?? 'it is set anew; a restart changes nothing')],
  ['note', set && 'note' in set ? set.note : undefined],
]
