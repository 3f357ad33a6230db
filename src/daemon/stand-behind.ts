import type { MayStand } from '../adapters/containerd-setup/stand-behind.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Mode } from '../ports/mode.ts'
import type { Upstream } from '../ports/upstream.ts'

/** The files of the containerd beside this node. Each call throws `HoldfastError` where it cannot be done. */
export interface BehindFiles {
  /** Those that may stand behind the mirror, and those that do. */
  read(): Promise<readonly MayStand[]>
  /** `false`: the file is not what install wrote. */
  put(one: MayStand): Promise<boolean>
  take(one: MayStand): Promise<void>
  /** Why containerd would not see it. */
  whyUnseen(): Promise<string | undefined>
  /** Leaves word for who looks at the files. */
  note(why: string | undefined): Promise<void>
}

/** What {@link createStandBehind} needs. */
export interface StandBehindParts {
  readonly files: BehindFiles
  readonly upstream: Pick<Upstream, 'heardAtMs' | 'isThere'>
  readonly mode: () => Mode
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
}

/** Lets registries stand behind the mirror while they are known to answer. */
export interface StandBehind {
  /** Once, before anything is known: what an earlier process knew does not count. */
  begin(): Promise<void>
  /** To be called again and again. Does not reject. */
  look(): Promise<void>
}

/** An answer older than this, ms, confirms nothing. */
const freshMs = 45_000
/** A registry that said nothing for so long, ms, is asked; with the time that the question takes, before that is too old. */
const askAfterMs = 30_000
/** Between questions that are not answered, ms. */
const askAgainMs = 10_000
/** How often it is looked whether something was installed, ms. */
const readEveryMs = 5_000
/** Between attempts at what cannot be done, ms. */
const tryAgainMs = 30_000
/** Before everything, on a clock of which only differences mean something. */
const never = Number.NEGATIVE_INFINITY

/** Makes it. What stands behind when the process ends stays there: a pull that comes meanwhile is not without a registry. */
export function createStandBehind(parts: StandBehindParts): StandBehind {
  const { files, upstream, mode, clock, log } = parts
  let known: readonly MayStand[] = []
  let readAtMs = never
  let why: string | undefined
  let unread: string | undefined
  const asking = new Set<string>()
  /** By registry: when a question began that nobody answered. */
  const silentAtMs = new Map<string, number>()
  /** By registry: when it was to stand behind the mirror, and could not. */
  const triedAtMs = new Map<string, number>()

  const ageOf = (atMs: number | undefined): number => clock.monotonicMs() - (atMs ?? never)
  const heardAtMs = (registry: string): number =>
    (mode() === 'offline' ? undefined : upstream.heardAtMs(registry)) ?? never

  function mayStandNow({ registry, terms }: MayStand): boolean {
    const atMs = heardAtMs(registry)
    if (terms === undefined) return false
    return ageOf(atMs) <= freshMs && atMs >= (silentAtMs.get(registry) ?? never)
  }

  function wonder({ registry, terms }: MayStand): void {
    if (terms === undefined || mode() === 'offline' || asking.has(registry)) return
    if (ageOf(heardAtMs(registry)) < askAfterMs || ageOf(silentAtMs.get(registry)) < askAgainMs)
      return
    const beganMs = clock.monotonicMs()
    asking.add(registry)
    void upstream.isThere(registry).then(isThere => {
      asking.delete(registry)
      if (!isThere) silentAtMs.set(registry, beganMs)
    })
  }

  async function turn(one: MayStand): Promise<MayStand> {
    const { registry } = one
    if (mayStandNow(one) === one.stands) return one
    const stands = one.stands ? !(await take(one)) : await put(one)
    if (stands === one.stands) return one
    log.info({ registry }, stands ? 'the registry stands behind the mirror' : 'the mirror is alone')
    return { ...one, stands }
  }

  async function take(one: MayStand): Promise<boolean> {
    const failure = await reasonOf(() => files.take(one))
    if (failure === undefined) return true
    const { registry } = one
    log.error({ registry, reason: failure }, 'the registry still stands behind the mirror')
    return false
  }

  async function put(one: MayStand): Promise<boolean> {
    if (ageOf(triedAtMs.get(one.registry)) < tryAgainMs) return false
    triedAtMs.set(one.registry, clock.monotonicMs())
    let stands = false
    let reason = await whyUnseen()
    reason ??= await reasonOf(async () => {
      stands = await files.put(one)
    })
    if (stands) triedAtMs.delete(one.registry)
    await settle(reason)
    return stands
  }

  async function whyUnseen(): Promise<string | undefined> {
    let unseen: string | undefined
    const failure = await reasonOf(async () => {
      unseen = await files.whyUnseen()
    })
    return unseen ?? failure
  }

  /** Tells once why `auto` is `none` here. */
  async function settle(found: string | undefined): Promise<void> {
    if (found !== undefined && found !== why) {
      log.warn({ reason: found }, 'containerd: auto is none here, nobody stands behind the mirror')
    }
    why = found
    const failure = await reasonOf(() => files.note(found))
    if (failure !== undefined) log.debug({ reason: failure }, 'no word of it could be left')
  }

  async function read(): Promise<void> {
    readAtMs = clock.monotonicMs()
    const failure = await reasonOf(async () => {
      known = await files.read()
    })
    if (failure !== undefined && failure !== unread) {
      log.warn({ reason: failure }, 'what is installed for containerd cannot be read')
    }
    unread = failure
  }

  return {
    async begin() {
      await read()
      const left: MayStand[] = []
      for (const one of known) left.push({ ...one, stands: one.stands && !(await take(one)) })
      known = left
      if (known.some(({ terms }) => terms !== undefined)) await settle(await whyUnseen())
    },
    async look() {
      if (ageOf(readAtMs) >= readEveryMs) await read()
      const turned: MayStand[] = []
      for (const one of known) {
        wonder(one)
        turned.push(await turn(one))
      }
      known = turned
    },
  }
}

/** What cannot be done is told, and is no end of the node. */
async function reasonOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    return error.message
  }
}
