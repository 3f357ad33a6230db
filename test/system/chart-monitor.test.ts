import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { chartDirectory, notesOf, type Rendering, render } from './support/chart.ts'
import { portsAdmitted } from './support/chart-objects.ts'
import { run } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'

requireSystem()

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string
      readonly expr: string
      readonly annotations: Readonly<Record<string, string>>
    }[]
  }[]
}

const rulesOf = (rendering: Rendering): Rules =>
  rendering.one<{ spec: Rules }>('PrometheusRule').spec

const own = parse(await readFile(join(chartDirectory, 'alerts/holdfast.yaml'), 'utf8')) as Rules
const ownAlerts = own.groups.flatMap(({ rules }) => rules)

t.test('the dashboard is that of the project', async t => {
  const rendering = await render({ monitor: { dashboard: true } })
  const { data } = rendering.one<{ data: Record<string, string> }>(
    'ConfigMap',
    'release-holdfast-dashboard',
  )
  const dashboard = await readFile(join(chartDirectory, 'dashboards/holdfast.json'), 'utf8')
  t.strictSame(JSON.parse(data['holdfast.json'] ?? ''), JSON.parse(dashboard))
})

t.test('alerts are those of the project, and link to where the runbook is read', async t => {
  const url = 'https://wiki.ship.lab/holdfast/runbook'
  const linked = rulesOf(await render({ monitor: { rules: true, runbookUrl: url } }))
  t.strictSame(
    linked.groups.flatMap(({ rules }) => rules),
    ownAlerts.map(rule => ({
      ...rule,
      expr: rule.expr.replace('job=~".*holdfast.*"', 'job=~".*release-holdfast.*"'),
      annotations: {
        ...rule.annotations,
        runbook_url: `${url}#${rule.alert.toLowerCase()}`,
      },
    })),
  )
  const unlinked = rulesOf(await render({ monitor: { rules: true } }))
  const links = unlinked.groups.flatMap(({ rules }) =>
    rules.map(({ annotations }) => annotations['runbook_url']),
  )
  t.strictSame(links, Array(ownAlerts.length).fill(undefined), 'and nowhere where none is named')
})

t.test('a node is called by its name, and not by the address of its pod', async t => {
  const endpoints = { PodMonitor: 'podMetricsEndpoints', ServiceMonitor: 'endpoints' }
  for (const [kind, field] of Object.entries(endpoints)) {
    const { spec } = (await render({ monitor: { kind } })).one<{
      spec: Record<string, { relabelings: object[] }[]>
    }>(kind)
    t.match(
      spec[field]?.[0]?.relabelings.find(
        one => 'targetLabel' in one && one.targetLabel === 'instance',
      ),
      { sourceLabels: ['__meta_kubernetes_pod_node_name'] },
      kind,
    )
  }
})

t.test('a mirror that is down is told whatever the release is called', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-chart-alerts-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  // What Prometheus Operator calls a job: https://prometheus-operator.dev/docs/api-reference/api/
  const jobs = { PodMonitor: 'ship/mirror', ServiceMonitor: 'mirror-mesh', none: 'pods of mirror' }
  for (const [kind, job] of Object.entries(jobs)) {
    const rules = rulesOf(
      await render({ fullnameOverride: 'mirror', monitor: { kind, rules: true } }),
    )
    await writeFile(join(dir, `${kind}.rules.json`), JSON.stringify(rules))
    const expr = 'count by (instance) (ALERTS{alertstate="firing",alertname="HoldfastDown"})'
    const test = {
      interval: '1m',
      input_series: [
        { series: `up{instance="n1",job="${job}"}`, values: '0x10' },
        { series: 'up{instance="n2",job="ship/another"}', values: '0x10' },
      ],
      promql_expr_test: [
        { expr, eval_time: '6m', exp_samples: [{ labels: '{instance="n1"}', value: 1 }] },
      ],
    }
    const file = join(dir, `${kind}.json`)
    await writeFile(file, JSON.stringify({ rule_files: [`${kind}.rules.json`], tests: [test] }))
    await t.resolves(run('promtool', ['test', 'rules', file]), kind)
  }
})

t.test(
  'who installs is told when the network policy lets no Prometheus in, and what does',
  async t => {
    const monitor = { kind: 'PodMonitor' }
    for (const kind of ['kubernetes', 'cilium']) {
      const values = { monitor, 'networkPolicy.kind': kind }
      const [, told = ''] =
        /--set-json 'networkPolicy.metricsFrom=(.+)'/.exec(await notesOf(values)) ?? []
      const metricsFrom = JSON.parse(told)
      const admitted = await render({ ...values, 'networkPolicy.metricsFrom': metricsFrom })
      t.ok(portsAdmitted(admitted).includes(5054), kind)
      t.ok(admitted.text.includes('monitoring'), 'from where Prometheus is')
      t.notMatch(await notesOf({ ...values, 'networkPolicy.metricsFrom': metricsFrom }), 'WARNING')
    }
    t.notMatch(await notesOf({ monitor, 'networkPolicy.enabled': false }), 'WARNING')
    t.notMatch(await notesOf({}), 'WARNING', 'nor where nobody is to scrape')
  },
)

t.test('what docs/kubernetes.md tells to set is scraped, alerts and shows', async t => {
  const page = await readFile(join(chartDirectory, '../../docs/kubernetes.md'), 'utf8')
  const section = page.split(/^## /m).find(text => text.startsWith('Prometheus\n')) ?? ''
  const [, values = ''] = /^```yaml\n(.*?)^```$/ms.exec(section) ?? []
  const rendering = await render(parse(values))
  t.strictSame(rendering.all('PodMonitor').length, 1)
  t.match(rulesOf(rendering).groups[0]?.rules[0]?.annotations, { runbook_url: /^https:/ })
  t.ok(rendering.one('ConfigMap', 'release-holdfast-dashboard'))
  t.ok(portsAdmitted(rendering).includes(5054))
})
