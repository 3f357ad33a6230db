import t from 'tap'
import { type KubernetesObject, type Rendering, render } from './support/chart.ts'
import { configOf, podsOf, type Templated } from './support/chart-objects.ts'
import { judgeObjects } from './support/kubernetes-schemas.ts'
import { requireSystem } from './support/requirements.ts'

requireSystem()

const everything = {
  warm: { enabled: true, images: ['redis:7'] },
  secondPath: { enabled: true },
  monitor: { kind: 'PodMonitor', rules: true, dashboard: true },
  config: {
    node: { zoneLabel: 'rack' },
    mesh: { kubernetes: { service: 'mesh', annotation: 'holdfast/mesh' } },
  },
}
const longest = 'a'.repeat(53)

/** Kubernetes' limits: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for the shorter one. */
const isAllowed = ({ kind, metadata: { name } }: KubernetesObject): boolean =>
  /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name) && name.length <= (kind === 'CronJob' ? 52 : 63)

const clusterWide = /^ClusterRole/

/** The labels and selectors of everything, whoever wears them. */
function labelsIn(value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(/^(labels|matchLabels|selector)$/.test(key) ? Object.entries(inner as object) : []),
    ...labelsIn(inner),
  ])
}

t.test('whatever a release is called, Kubernetes takes its objects', async t => {
  for (const [release, values] of [
    ['release', {}],
    [longest, {}],
    [longest, { nameOverride: 'b'.repeat(70) }],
    ['release', { fullnameOverride: 'c'.repeat(70) }],
    ['123', {}],
    ['2026.11', {}],
    ['release', { nameOverride: '007' }],
    ['1e3', { nameOverride: 'true' }],
  ] as const) {
    const rendering = await render({ ...everything, ...values }, { name: release })
    const name = `${release} ${JSON.stringify(values)}`
    const refused = rendering.objects
      .filter(({ kind }) => !clusterWide.test(kind))
      .filter(object => !isAllowed(object))
    t.strictSame(
      refused.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
      [],
      name,
    )
    const wrong = labelsIn(rendering.objects).filter(
      ([key, one]) => key.startsWith('app.kubernetes.io/') && !isLabel(one),
    )
    t.strictSame(wrong, [], `${name}: labels`)
    t.ok((await judgeObjects([rendering.text])) > 10)
  }
})

const isLabel = (value: unknown): boolean =>
  typeof value === 'string' && /^[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/.test(value)

t.test('two releases share no object and no pod', async t => {
  const releases = ['galley', 'bridge'].map(name => render(everything, { name }))
  const [one, other] = (await Promise.all(releases)) as [Rendering, Rendering]
  const named = ({ objects }: Rendering) =>
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  t.strictSame(
    named(one).filter(name => named(other).includes(name)),
    [],
  )
  const chosen = selectorOf(one)
  t.notOk(isChosen(chosen, labelsOf(other)), 'nor do they take each others pods')
})

const mirrorOf = (rendering: Rendering, name: string) =>
  rendering.one<Templated & { spec: { selector: { matchLabels: Record<string, string> } } }>(
    'DaemonSet',
    name,
  )
const selectorOf = (rendering: Rendering) =>
  mirrorOf(rendering, 'galley-holdfast').spec.selector.matchLabels
const labelsOf = (rendering: Rendering) =>
  mirrorOf(rendering, 'bridge-holdfast').spec.template.metadata.labels
const isChosen = (selector: object, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value)

t.test('what is null is not set', async t => {
  const plain = configOf(await render({ preset: 'k3s' }))
  for (const config of [{ node: null }, { mesh: null }, { mesh: { kubernetes: null } }]) {
    const rendering = await render({ preset: 'k3s', config })
    t.strictSame(configOf(rendering), plain, JSON.stringify(config))
  }
})

t.test('each line of an image to warm is one', async t => {
  const images = ['redis:7\nnginx:1.27', '  alpine:3', '# not yet: busybox']
  const rendering = await render({ warm: { enabled: true, images } })
  t.ok(podsOf(rendering).has('CronJob release-holdfast-warm'))
  const { data } = rendering.one<{ data: object }>('ConfigMap', 'release-holdfast-warm')
  t.strictSame(data, { 'images.txt': `${images.join('\n')}\n` })
})
