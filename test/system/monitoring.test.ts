import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { ask, pull } from './support/client.ts'
import { setScene } from './support/mesh-scene.ts'
import { run, until } from './support/process.ts'
import { startPrometheus } from './support/prometheus.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const chart = join(import.meta.dirname, '../../helm/holdfast')
const rulesFile = join(chart, 'alerts/holdfast.yaml')

/** What makes an alert fire, and what almost does. Values are those of each minute; `x90` repeats. */
interface Case {
  readonly alert: string
  /** Series and their values. */
  readonly bad: Readonly<Record<string, string>>
  readonly good: Readonly<Record<string, string>>
  /** What tells one from another of the same alert. */
  readonly about?: string
  /** Minutes after which it fires, and at least two earlier does not yet. */
  readonly after: number
}

const degraded = (alert: string, reason: string, after: number): Case => ({
  alert,
  bad: { [`holdfast_degraded{instance="a",reason="${reason}"}`]: '1x200' },
  good: {
    [`holdfast_degraded{instance="a",reason="${reason}"}`]: '0x200',
    'holdfast_degraded{instance="a",reason="other"}': '1x200',
  },
  after,
})

const gauge = (alert: string, series: string, bad: string, good: string, after: number): Case => ({
  alert,
  bad: { [series]: `${bad}x200` },
  good: { [series]: `${good}x200` },
  after,
})

/** Every node reports on the same images: that is one alert. */
const reported = (alert: string, verdict: string, after: number): Case => {
  const series = (instance: string) =>
    `holdfast_report_images{instance="${instance}",job="holdfast",verdict="${verdict}"}`
  return {
    alert,
    bad: { [series('a')]: '1x200', [series('b')]: '2x200' },
    good: { [series('a')]: '0x200', [series('b')]: '0x200' },
    after,
  }
}

const endpoints = (state: string) =>
  `holdfast_breaker_endpoints{instance="a",registry="docker.io",state="${state}"}`
const staleCount = 'holdfast_stale_answer_age_seconds_count{instance="a",source="ledger"}'
/** Prometheus 2 stores the bound of a bucket as it was told, Prometheus 3 as a decimal: https://prometheus.io/docs/prometheus/latest/migration/ */
const servingStale = (le: string): Case => {
  const week = `holdfast_stale_answer_age_seconds_bucket{instance="a",source="ledger",le="${le}"}`
  return {
    alert: 'HoldfastServingStale',
    about: `le=${le}`,
    bad: { [staleCount]: '0+2x200', [week]: '0+1x200' },
    good: { [staleCount]: '0+2x200', [week]: '0+2x200' },
    after: 2,
  }
}
const requests = (status: string) =>
  `holdfast_mirror_requests_total{instance="a",kind="blob",status="${status}"}`

const cases: readonly Case[] = [
  gauge('HoldfastDown', 'up{instance="a",job="monitoring/holdfast"}', '0', '1', 6),
  {
    alert: 'HoldfastRestarting',
    bad: {
      'process_start_time_seconds{instance="a"}': '0 5x6 9x6 12x180',
      'holdfast_build_info{instance="a"}': '1x200',
    },
    good: {
      'process_start_time_seconds{instance="a"}': '0 5x6 9x186',
      'process_start_time_seconds{instance="a",job="another of that node"}': '0 5x6 9x6 12x180',
      'process_start_time_seconds{instance="other"}': '0 5x6 9x6 12x180',
      'holdfast_build_info{instance="a"}': '1x200',
    },
    after: 15,
  },
  {
    alert: 'HoldfastUpstreamDown',
    bad: { [endpoints('closed')]: '0x200', [endpoints('open')]: '2x200' },
    good: { [endpoints('closed')]: '1x200', [endpoints('open')]: '1x200' },
    after: 16,
  },
  servingStale('604800'),
  servingStale('604800.0'),
  reported('HoldfastNotReadyForOffline', 'not-ready', 31),
  reported('HoldfastTooFewCopies', 'at-risk', 61),
  gauge(
    'HoldfastLackingKeptImages',
    'holdfast_kept_images{instance="a",state="lacking"}',
    '3',
    '0',
    61,
  ),
  {
    alert: 'HoldfastDiskAlmostFull',
    bad: {
      'holdfast_store_free_bytes{instance="a"}': '9x200',
      'holdfast_store_total_bytes{instance="a"}': '100x200',
    },
    good: {
      'holdfast_store_free_bytes{instance="a"}': '11x200',
      'holdfast_store_total_bytes{instance="a"}': '100x200',
    },
    after: 16,
  },
  degraded('HoldfastStoreFull', 'store_full', 16),
  degraded('HoldfastStoreUnusable', 'store_unusable', 6),
  degraded('HoldfastLedgerReadOnly', 'ledger_read_only', 6),
  degraded('HoldfastLedgerRebuilt', 'ledger_rebuilt', 1),
  gauge('HoldfastDamagedBlobs', 'holdfast_scrub_damaged_blobs{instance="a"}', '1', '0', 1),
  degraded('HoldfastContainerdAway', 'containerd_unusable', 6),
  gauge('HoldfastClockWrong', 'holdfast_clock_offset_seconds{instance="a"}', '-301', '299', 11),
  gauge('HoldfastClockSkew', 'holdfast_mesh_clock_skew_seconds{instance="a"}', '61', '59', 16),
  degraded('HoldfastMeshCutOff', 'mesh_cut_off', 11),
  {
    alert: 'HoldfastMeshSplit',
    bad: {
      'holdfast_sync_last_convergence_seconds{instance="a"}': '0+60x200',
      'holdfast_mesh_neighbours{instance="a"}': '2x200',
    },
    good: {
      'holdfast_sync_last_convergence_seconds{instance="a"}': '0+60x200',
      'holdfast_mesh_neighbours{instance="a"}': '0x200',
    },
    after: 42,
  },
  {
    alert: 'HoldfastMeshNeverConverged',
    bad: {
      'holdfast_sync_last_convergence_seconds{instance="a"}': '-1x200',
      'holdfast_mesh_neighbours{instance="a"}': '2x200',
    },
    good: {
      'holdfast_sync_last_convergence_seconds{instance="a"}': '-1x58 0x142',
      'holdfast_sync_last_convergence_seconds{instance="alone"}': '-1x200',
      'holdfast_mesh_neighbours{instance="a"}': '2x200',
      'holdfast_mesh_neighbours{instance="alone"}': '0x200',
    },
    after: 61,
  },
  degraded('HoldfastMeshKeysUnread', 'mesh_keys_unread', 6),
  degraded('HoldfastTokensUnread', 'tokens_unread', 6),
  {
    alert: 'HoldfastErrors',
    bad: { [requests('200')]: '0+94x200', [requests('503')]: '0+6x200' },
    good: {
      [requests('200')]: '0+96x200',
      [requests('404')]: '0+60x200',
      [requests('503')]: '0+4x200',
    },
    after: 12,
  },
  {
    alert: 'HoldfastSecondPathUsed',
    bad: { 'holdfast_mirror_target_requests_total{instance="a",target="2"}': '0+1x200' },
    good: { 'holdfast_mirror_target_requests_total{instance="a",target="2"}': '7x200' },
    after: 2,
  },
  {
    alert: 'HoldfastDroppedFilesRefused',
    bad: { 'holdfast_dropped_files_total{instance="a",outcome="refused"}': '0+1x200' },
    good: { 'holdfast_dropped_files_total{instance="a",outcome="imported"}': '0+1x200' },
    after: 2,
  },
]

/** What Prometheus is to find firing, minutes after the series began, in the form of `promtool test rules`. */
function toTest({ alert, about, bad, good, after }: Case, isBad: boolean) {
  const firing = `count by (alertname) (ALERTS{alertstate="firing",alertname="${alert}"})`
  const samples = [{ labels: `{alertname="${alert}"}`, value: 1 }]
  const at = (minutes: number, isFiring: boolean) => ({
    expr: firing,
    eval_time: `${minutes}m`,
    exp_samples: isFiring ? samples : [],
  })
  return {
    name: [alert, about, isBad ? 'bad' : 'good'].filter(Boolean).join(', '),
    interval: '1m',
    input_series: Object.entries(isBad ? bad : good).map(([series, values]) => ({
      series,
      values,
    })),
    promql_expr_test: [...(after > 2 ? [at(after - 2, false)] : []), at(after, isBad)],
  }
}

t.test('each alert fires when it should, and not when it almost should', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-alerts-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const { groups } = parse(await readFile(rulesFile, 'utf8')) as {
    groups: { rules: { alert: string }[] }[]
  }
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert))
  t.strictSame(
    [...new Set(cases.map(({ alert }) => alert))],
    alerts,
    'and none goes without a test',
  )
  for (const one of cases) {
    const file = join(dir, `${one.alert}.json`)
    const tests = [toTest(one, true), toTest(one, false)]
    await writeFile(
      file,
      JSON.stringify({ rule_files: [rulesFile], evaluation_interval: '1m', tests }),
    )
    await t.resolves(
      run('promtool', ['test', 'rules', file]),
      tests.map(({ name }) => name).join('; '),
    )
  }
})

/** What alerts look at of a node, each with its labels: nothing is seen to increase that begins with its first event. */
async function seriesOfAlerts(): Promise<ReadonlySet<string>> {
  const { groups } = parse(await readFile(rulesFile, 'utf8')) as {
    groups: { rules: { expr: string }[] }[]
  }
  const exprs = groups.flatMap(({ rules }) => rules.map(({ expr }) => expr))
  return new Set(exprs.flatMap(expr => expr.match(/\bholdfast_\w+(\{.*?\})?/g) ?? []))
}

/** A question of the dashboard as Grafana asks it. */
const fill = (expr: string): string =>
  expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '30s')

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly targets?: readonly { readonly expr: string }[]
  }[]
}

t.test('a real Prometheus answers every question of the dashboard', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-prometheus-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { world, places, startAll } = await setScene(t, {
    store: { kind: 'both', minFreeBytes: '1MiB' },
    containerd: { socket: join(dir, 'absent.sock') },
    keep: { patterns: [`${registryName}/**`], reportEvery: '1s' },
  })
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const nodes = await startAll([p1], [p2])
  const targets = nodes.map(({ health }) => new URL(health).host)
  const prometheus = await startPrometheus(dir, { targets, rules: [rulesFile] })
  t.teardown(() => prometheus.stop())

  for (const series of await seriesOfAlerts()) {
    const found = await until(`a node that was just started tells ${series}`, async () => {
      const samples = await prometheus.ask(series)
      return samples.length > 0 ? samples : undefined
    })
    t.ok(found.length > 0, series)
  }

  const image = await world.push('one', '1')
  await world.push('two', '1')
  const [layer] = image.for('linux/amd64').layers
  /** A node in use: pulls, also by another way, and then without a registry. */
  async function use(): Promise<void> {
    for (const node of nodes) {
      for (const name of ['one', 'two']) await pull(node.mirror, registryName, name, '1')
      const headers = { 'holdfast-target': '2' }
      const url = (what: string) => `${node.mirror}/v2/one/${what}?ns=${registryName}`
      await ask(url('manifests/1'), { method: 'HEAD', headers })
      await ask(url(`blobs/${layer?.digest}`), { headers })
    }
  }
  await use()
  await until('both nodes were scraped', async () =>
    (await prometheus.ask('count(holdfast_build_info) == 2')).length === 1 ? true : undefined,
  )
  await world.uplink.refuse()
  const endMs = performance.now() + 8_000
  while (performance.now() < endMs) await use()

  const dashboard = JSON.parse(
    await readFile(join(chart, 'dashboards/holdfast.json'), 'utf8'),
  ) as Dashboard
  const exprs = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  )
  t.ok(exprs.length > 25, `${exprs.length} questions`)
  function exprOf(title: string): string {
    const [found] = exprs.filter(one => one.title === title)
    return fill(found?.expr ?? '')
  }
  for (const { title, expr } of exprs) {
    t.notMatch(expr, /le="/, 'Prometheus 3 stores bounds of buckets otherwise')
    const asked = fill(expr)
    const samples = await until(`${title}: ${expr}`, async () => {
      const found = await prometheus.ask(asked)
      return found.length > 0 ? found : undefined
    })
    t.ok(samples.length > 0, title)
  }
  // A scrape may be late.
  await until('a clock that nobody confirms over TLS is no trouble of the two nodes', async () => {
    const [unconfirmed] = await prometheus.ask(
      `sum(holdfast_degraded) - (${exprOf('Worse than it should be')})`,
    )
    return unconfirmed?.value === 2
  })
  await until('both paths are told', async () => {
    const paths = await prometheus.ask(exprOf('Bytes to clients, by path'))
    const told = paths.map(({ labels }) => labels['path']).sort()
    return told.join() === 'further,local'
  })
  // A node that is late to answer is down until it is asked again.
  await until('an alert sees the real outage, and none that a node is down', async () => {
    const pending = await prometheus.ask('count by (alertname) (ALERTS)')
    const names = pending.map(({ labels }) => labels['alertname'])
    return names.includes('HoldfastUpstreamDown') && !names.includes('HoldfastDown')
  })
})
