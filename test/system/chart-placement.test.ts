import t from 'tap'
import { render } from './support/chart.ts'
import { type PodSpec, podsOf, type Templated } from './support/chart-objects.ts'
import { requireSystem } from './support/requirements.ts'

requireSystem()

interface Taint {
  readonly key: string
  readonly effect: string
}

interface Selecting {
  readonly spec: { readonly selector: { readonly matchLabels: Readonly<Record<string, string>> } }
}

/** https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
const isTolerated = ({ tolerations = [] }: PodSpec, { key, effect }: Taint): boolean =>
  tolerations.some(
    one =>
      (one.key === undefined ? one.operator === 'Exists' : one.key === key) &&
      (one.effect === undefined || one.effect === effect),
  )

const noSchedule = (key: string): Taint => ({ key, effect: 'NoSchedule' })
const off = ['not-ready', 'unreachable'].map(name => noSchedule(`node.kubernetes.io/${name}`))
const ofRole = ['control-plane', 'master'].map(name =>
  noSchedule(`node-role.kubernetes.io/${name}`),
)
const cordoned = noSchedule('node.kubernetes.io/unschedulable')
const own = noSchedule('dedicated')

const warm = { enabled: true, images: ['redis:7'] }
const mirrors = [
  'DaemonSet release-holdfast',
  'DaemonSet release-holdfast-uninstall',
  'DaemonSet release-holdfast-clean',
  'DaemonSet release-holdfast-check',
]
const single = [
  'CronJob release-holdfast-warm',
  'Job release-holdfast-uninstall',
  'Job release-holdfast-clean',
  'Job release-holdfast-check',
]

t.test('every node has a mirror, and pods that take it away', async t => {
  const pods = podsOf(await render({ warm }))
  t.strictSame([...pods.keys()].sort(), [...single, ...mirrors].sort(), 'these pods are made')
  for (const name of mirrors) {
    for (const taint of [...off, ...ofRole, cordoned, own]) {
      t.ok(isTolerated(pods.get(name) as PodSpec, taint), `${name}: ${taint.key}`)
    }
  }
})

t.test('they go where mirrors may, and no further', async t => {
  const affinity = { nodeAffinity: { any: 'thing' } }
  const pods = podsOf(await render({ affinity }))
  for (const name of mirrors) t.match(pods.get(name), { affinity }, name)
  for (const name of single.filter(one => !one.startsWith('CronJob'))) {
    t.strictSame(pods.get(name)?.affinity, affinity, name)
  }
})

t.test('each set finds its own pods, and those of no other', async t => {
  const sets = (await render()).all('DaemonSet') as unknown as (Templated & Selecting)[]
  t.equal(sets.length, mirrors.length)
  for (const { spec: one } of sets) {
    const chosen = sets.filter(({ spec: { template } }) =>
      Object.entries(one.selector.matchLabels).every(
        ([label, value]) => template.metadata.labels[label] === value,
      ),
    )
    t.strictSame(
      chosen.map(({ spec }) => spec),
      [one],
    )
  }
})

t.test('a pod of which there is one is not sent to a node that is off', async t => {
  const named = off.map(({ key }) => ({ key, operator: 'Exists' }))
  for (const tolerations of [
    [{ operator: 'Exists' }],
    [{ operator: 'Exists', effect: 'NoSchedule' }, ...named],
    named,
  ]) {
    const pods = podsOf(await render({ warm, tolerations }))
    for (const name of single) {
      for (const taint of off) {
        t.notOk(isTolerated(pods.get(name) as PodSpec, taint), `${name}: ${taint.key}`)
      }
    }
  }
})

t.test('it is sent to whatever else has a mirror', async t => {
  const dedicated = { key: own.key, operator: 'Equal', value: 'ship', effect: 'NoSchedule' }
  const all = podsOf(await render({ warm, tolerations: [{ operator: 'Exists' }, dedicated] }))
  const some = podsOf(await render({ warm, tolerations: [dedicated] }))
  for (const name of single) {
    for (const taint of [...ofRole, cordoned, own]) {
      t.ok(isTolerated(all.get(name) as PodSpec, taint), `${name}: ${taint.key}`)
    }
    t.strictSame(some.get(name)?.tolerations, [dedicated], `${name}: control planes have none`)
  }
})
