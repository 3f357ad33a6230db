import { formatRepository, type Repository } from '../../oci/reference.ts'
import type { Clock } from '../../ports/clock.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { Log } from '../../ports/log.ts'
import type { Sender, Upstream } from '../../ports/upstream.ts'
import { createAsk } from './ask.ts'
import type { Authorizer } from './authorize.ts'
import { askBlob, type OpenBlob } from './blob.ts'
import { createDoubts } from './doubts.ts'
import { askInOrder } from './endpoints.ts'
import type { Health, Subject } from './health.ts'
import { createInquirer, type Inquirer } from './inquirer.ts'
import { askReferrers, askTags } from './lists.ts'
import { askManifest, askTag } from './manifest.ts'
import { describeUrl } from './origin.ts'
import { createPing } from './ping.ts'
import { type Schedule, systemSchedule } from './probe.ts'
import { createRegistries } from './registries.ts'
import type { EndpointSettings, UpstreamsSettings } from './settings.ts'
import type { Transport } from './transport.ts'
import { tryEndpoint } from './trial.ts'

/** What the upstream client needs. */
export interface UpstreamParts {
  readonly transport: Transport
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly log: Log
  /** The event loop's timers when not given. */
  readonly schedule?: Schedule | undefined
  /** `Math.random` when not given. */
  readonly random?: (() => number) | undefined
  /** Whether what is down may be asked in the background now. Always, when not given. */
  readonly mayProbe?: (() => boolean) | undefined
}

/** A question to whichever endpoint answers. */
interface Asking<T> {
  readonly kind: Subject['kind']
  /** What it is about within the repository. */
  readonly item: string
  readonly signal: AbortSignal
  /** Default: most of the time that headers may take. */
  readonly deadlineMs?: number
  readonly insist?: boolean
  readonly mayRepeat?: boolean
  readonly ask: (inquirer: Inquirer, sender: Sender) => Promise<T>
  readonly drop?: (answer: T) => void
}

/** How much of the headers' time limit may be spent in silence before another endpoint, or nobody, is hoped for. */
const patientShare = 3 / 4
/** Nor more than this, in ms: clients of content wait a few seconds, and the next one should know. */
const maxPatienceMs = 4_000

/**
 * Makes the client of all configured registries.
 * @throws HoldfastError `config-invalid` for a URL that cannot be used
 */
export function createRegistryUpstream(
  parts: UpstreamParts,
  settings: { readonly upstreams: UpstreamsSettings },
): Upstream & { close(): Promise<void> } {
  const { transport, authorizer, clock, log } = parts
  const { schedule = systemSchedule, random = Math.random, mayProbe = () => true } = parts
  const ask = createAsk({ transport, authorizer, clock })
  const listeners = new Set<(registry: string, repository: string | undefined) => void>()
  const closing = new AbortController()
  const doubts = createDoubts(clock)
  const registries = createRegistries(
    {
      clock,
      log,
      schedule,
      random,
      ping: createPing(transport),
      closing: closing.signal,
      mayProbe,
      onRecovered(registry, repository) {
        for (const listener of listeners) listener(registry, repository)
      },
    },
    settings.upstreams,
  )

  function trialAt<T>(
    health: Health,
    { registry, repository }: Repository,
    asking: Asking<T>,
    sender: Sender,
  ) {
    const isOwner = health === registries.find(registry).at(-1)
    const namespace = isOwner ? undefined : registry
    return {
      subject: { repository, kind: asking.kind },
      ask(attempt: Inquirer['attempt']) {
        const about = { repository, namespace, attempt }
        return asking.ask(createInquirer(ask, health.endpoint, about), sender)
      },
      drop: asking.drop,
      mayRepeat: asking.mayRepeat,
    }
  }

  async function question<T>(about: Repository, asking: Asking<T>): Promise<T> {
    const healths = registries.find(about.registry)
    const owner = healths.at(-1)
    if (owner === undefined) throw unconfigured(about.registry)
    const { signal, drop, insist = false } = asking
    const deadlineMs = asking.deadlineMs ?? patienceOf(owner.endpoint)
    const startedMs = clock.monotonicMs()

    const item = `${asking.kind} ${formatRepository(about)} ${asking.item}`
    const names = healths.map(({ endpoint }) => describeUrl(endpoint.url))
    const candidates = healths.map(health => {
      const name = describeUrl(health.endpoint.url)
      const trial = trialAt(health, about, asking, doubts.sender(item, name, names))
      const lie = doubts.hasLied(item, name) ? liar(name, asking.item) : undefined
      return {
        refusal: lie ?? health.refusal(trial.subject, insist),
        lastBroke: doubts.lastBroke(item, name),
        ask() {
          // Silence counts when whoever asked has waited long enough, not each endpoint for itself.
          const leftMs = deadlineMs - (clock.monotonicMs() - startedMs)
          const patience = { signal, deadlineMs: Math.max(leftMs, deadlineMs / 3) }
          return tryEndpoint({ health, schedule }, trial, patience)
        },
      }
    })
    return askInOrder(schedule, candidates, deadlineMs / 3, drop)
  }

  return {
    resolveTag: (key, { signal, deadlineMs, insist }) =>
      question(key, {
        kind: 'manifest',
        item: key.tag,
        signal,
        deadlineMs,
        insist,
        mayRepeat: true,
        ask: async (inquirer, sender) => ({ ...(await askTag(inquirer, key.tag)), sender }),
      }),
    getManifest: (repository, digest, signal) =>
      question(repository, {
        kind: 'manifest',
        item: digest,
        signal,
        ask: inquirer => askManifest(inquirer, digest),
      }),
    getBlob: (repository, digest, offset, signal) =>
      question<OpenBlob>(repository, {
        kind: 'blob',
        item: digest,
        signal,
        ask: (inquirer, sender) => askBlob(inquirer, sender, digest, offset),
        drop: blob => blob.drop(),
      }),
    listTags: (repository, signal) =>
      question(repository, { kind: 'list', item: 'tags', signal, ask: askTags }),
    listReferrers: (repository, digest, signal) =>
      question(repository, {
        kind: 'list',
        item: digest,
        signal,
        ask: inquirer => askReferrers(inquirer, digest),
      }),
    reach({ registry, repository }) {
      const reaches = registries.find(registry).map(health => health.reach(repository))
      const reachable = reaches.find(({ state }) => state === 'reachable')
      return reachable ?? reaches.at(-1) ?? { state: 'unconfigured' }
    },
    isConfigured: registry => registries.find(registry).length > 0,
    endpoints: () => registries.all().map(health => health.state()),
    heardAtMs(registry) {
      const owner = registries.find(registry).at(-1)
      return owner?.isDown() === false ? owner.heardAtMs() : undefined
    },
    async isThere(registry) {
      const owner = registries.find(registry).at(-1)
      return owner?.isDown() === false && owner.ping()
    },
    tryUnheard() {
      for (const health of registries.all()) {
        if (health.heardCount() === 0 && !health.isDown()) void health.ping()
      }
    },
    onRecovered(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      closing.abort(
        new UpstreamFailure('unreachable', 'known-down', 'the upstream client was closed'),
      )
      for (const health of registries.all()) health.stop()
      listeners.clear()
    },
  }
}

function patienceOf({ timeouts }: EndpointSettings): number {
  return Math.min(timeouts.headersMs * patientShare, maxPatienceMs)
}

function liar(url: string, item: string): UpstreamFailure {
  return new UpstreamFailure('unreachable', 'wrong-digest', `${url} sent what is not ${item}`)
}

function unconfigured(registry: string): UpstreamFailure {
  const message = `${registry} is not configured: name it under upstreams`
  return new UpstreamFailure('unreachable', 'unconfigured', message)
}
