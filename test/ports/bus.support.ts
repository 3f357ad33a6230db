import type { Test } from 'tap'
import type { Bus, BusFailure, Verdict } from '../../src/ports/bus.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { type ChangingKeys, createChangingKeys } from '../support/cluster-keys.ts'
import { until } from '../system/support/process.ts'

/** Starts one more node of one network; the test closes it. */
export type StartBus = (keys: ChangingKeys) => Promise<Bus>

/** Makes a network without nodes, for one test. */
export type OpenNetwork = (t: Test) => StartBus | Promise<StartBus>

/** A node that writes down what it hears. */
export interface Listener {
  readonly bus: Bus
  readonly keys: ChangingKeys
  readonly id: NodeId
  readonly address: string
  /** Texts it was told, in their order, and by whom. */
  readonly heard: { readonly text: string; readonly from: NodeId }[]
  readonly changes: { readonly kind: 'joined' | 'left'; readonly id: NodeId }[]
  /** What it says of texts that begin so; everything else is accepted. */
  readonly verdicts: Map<string, () => Verdict | Promise<Verdict>>
  say(text: string): Promise<number>
  /** Settles when it was told this. */
  hears(text: string): Promise<void>
}

/** Starts a node with the keys of these names. */
export async function listen(t: Test, start: StartBus, ...names: string[]): Promise<Listener> {
  const keys = createChangingKeys(...(names.length === 0 ? ['first'] : names))
  const bus = await start(keys)
  t.teardown(() => bus.close())
  const heard: { text: string; from: NodeId }[] = []
  const changes: { kind: 'joined' | 'left'; id: NodeId }[] = []
  const verdicts = new Map<string, () => Verdict | Promise<Verdict>>()
  bus.onNeighbour(change => changes.push(change))
  bus.judge((message, from) => {
    const text = Buffer.from(message).toString()
    heard.push({ text, from })
    const [, verdict] = [...verdicts].find(([head]) => text.startsWith(head)) ?? []
    return verdict?.() ?? 'accept'
  })
  return {
    bus,
    keys,
    id: bus.self,
    address: bus.listening[0] ?? '',
    heard,
    changes,
    verdicts,
    say: text => bus.publish(Buffer.from(text)),
    async hears(text) {
      await until(`${bus.self.slice(0, 8)} hears ${text}`, () =>
        heard.some(one => one.text === text),
      )
    },
  }
}

/** Has one dial another, and waits until both call the other a neighbour. */
export async function join(one: Listener, other: Listener): Promise<void> {
  await dial(one, other)
  await until('both are neighbours', () => isNeighbour(one, other) && isNeighbour(other, one))
}

/** Dials, with a deadline. */
export const dial = (one: Listener, other: { readonly address: string }): Promise<NodeId> =>
  one.bus.dial(other.address, soon())

/** A deadline that is never reached when things work. */
export const soon = (): AbortSignal => AbortSignal.timeout(10_000)

/** Whether `other` is among the neighbours of `one`. */
export const isNeighbour = (one: Listener, other: Listener): boolean =>
  one.bus.neighbours().some(({ id }) => id === other.id)

/** How a promise fails. */
export async function failureOf(work: Promise<unknown>): Promise<Partial<BusFailure>> {
  try {
    await work
  } catch (error) {
    return error as Partial<BusFailure>
  }
  return {}
}
