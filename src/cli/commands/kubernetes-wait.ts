import { setTimeout as wait } from 'node:timers/promises'
import type { CommandContext, NodeWork, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { print } from '../print.ts'
import { readDuration } from '../read-time.ts'
import { columns } from '../table.ts'

/** Between two looks, ms. */
const everyMs = 1_000
/** A look that takes longer hangs, in an API server that lost its power say; ms. */
const lookWithinMs = 10_000

/** `holdfast kubernetes wait` */
export const run: RunCommand = async context => {
  const { words, options } = context
  const [daemonSet = ''] = words
  const { namespace = 'default', kubeconfig, later } = options
  const withinMs = readSomeTime('--within', options['within'] ?? '5m')
  const giveUp = options['give-up-after']
  const patienceMs = giveUp === undefined ? undefined : readSomeTime('--give-up-after', giveUp)
  const look = await open(context, { namespace, daemonSet, kubeconfig })
  const signal = AbortSignal.timeout(withinMs)
  const limitMs = Math.ceil(Math.min(lookWithinMs, withinMs / 4))
  const asked = givenUpAfter(limitMs, look)
  const { nodes, failure } = await lookUntil(asked, overFor(patienceMs), signal)
  if (nodes === undefined)
    throw new CommandFailure('failed', `Kubernetes cannot be asked: ${failure ?? silence}`)
  const undone = nodes.filter(({ isDone }) => !isDone)
  const isWhole = areDone(nodes)
  const names = undone.map(({ node }) => node)
  const command = names.length === 0 || later === undefined ? undefined : forEach(names, later)
  const shown = {
    done: isWhole,
    nodes,
    ...(failure !== undefined && { failure }),
    ...(command !== undefined && { later: command }),
  }
  const away = undone.filter(({ isReady }) => !isReady).map(({ node }) => node)
  print(context, shown, () => [
    ...columns(nodes.flatMap(rowsOf)),
    ...(failure === undefined ? [] : [`since then Kubernetes cannot be asked: ${failure}`]),
    ...(away.length === 0 ? [] : [`not ready, and nothing done there: ${away.join(', ')}`]),
    ...(command === undefined ? [] : [tellWhen(undone), `  ${command}`]),
  ])
  return isWhole ? 'ok' : 'failed'
}

/** Pods say several things, a line each. */
const rowsOf = ({ node, state = 'done' }: NodeWork): readonly string[][] =>
  state.split('\n').map((line, at) => [at === 0 ? node : '', line])

const readSomeTime = (option: string, text: string): number =>
  readDuration(option, text, { atLeastMs: 1 })

type Look = (signal: AbortSignal) => Promise<readonly NodeWork[]>

async function open(
  context: CommandContext,
  place: Parameters<
    Awaited<ReturnType<CommandContext['parts']['loadNodeWork']>>['openNodeWork']
  >[0],
): Promise<Look> {
  const { openNodeWork } = await context.parts.loadNodeWork()
  try {
    return openNodeWork(place)
  } catch (error) {
    throw new CommandFailure('failed', messageOf(error), error)
  }
}

const silence = 'it does not answer'

/** One that hangs is given up. */
function givenUpAfter(limitMs: number, look: Look): Look {
  return async signal => {
    const limit = AbortSignal.timeout(limitMs)
    try {
      return await look(AbortSignal.any([signal, limit]))
    } catch (error) {
      throw limit.aborted ? new Error(silence, { cause: error }) : error
    }
  }
}

interface Seen {
  /** At the last look that came to something. */
  readonly nodes: readonly NodeWork[] | undefined
  /** Why nothing was seen since. */
  readonly failure: string | undefined
}

/** An API server that is away for a moment is asked again. */
async function lookUntil(
  look: Look,
  isOver: (nodes: readonly NodeWork[]) => boolean,
  signal: AbortSignal,
): Promise<Seen> {
  let nodes: readonly NodeWork[] | undefined
  let failure: string | undefined
  while (!signal.aborted) {
    try {
      nodes = await look(signal)
      failure = undefined
      if (isOver(nodes)) break
    } catch (error) {
      if (!signal.aborted) failure = messageOf(error)
    }
    await wait(everyMs, undefined, { signal }).catch(() => {})
  }
  return { nodes, failure }
}

const areDone = (nodes: readonly NodeWork[]): boolean =>
  nodes.every(({ isReady, isDone }) => isDone || !isReady)

const tellWhen = (undone: readonly NodeWork[]): string =>
  undone.some(({ isReady }) => isReady)
    ? 'for these, once what is told is mended and all are back:'
    : 'when they are back:'

/** Judges one look after the other: all is done, or it was stuck for so long on every node where it is not. */
function overFor(patienceMs: number | undefined): (nodes: readonly NodeWork[]) => boolean {
  const stuckSince = new Map<string, number>()
  return nodes => {
    const now = performance.now()
    for (const { node, isStuck } of nodes) {
      if (!isStuck) stuckSince.delete(node)
      else if (!stuckSince.has(node)) stuckSince.set(node, now)
    }
    const limit = patienceMs ?? Number.POSITIVE_INFINITY
    return nodes.every(({ node, isReady, isDone }) => {
      const since = stuckSince.get(node)
      return isDone || !isReady || (since !== undefined && now - since >= limit)
    })
  }
}

const forEach = (nodes: readonly string[], command: string): string =>
  `for node in ${nodes.join(' ')}; do ${command}; done`

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
