import { parse } from 'yaml'
import type { KubernetesObject, Rendering } from './chart.ts'

/** As a pod has it. */
export interface Container {
  readonly name: string
  readonly image: string
  readonly imagePullPolicy: string
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string }[]
  readonly ports?: readonly {
    readonly name: string
    readonly containerPort: number
    readonly hostPort?: number
    readonly hostIP?: string
  }[]
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly resources?: object
  readonly terminationMessagePolicy?: string
  readonly volumeMounts: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
    readonly subPath?: string
    readonly mountPropagation?: string
  }[]
}

/** As a pod says it. */
export interface Toleration {
  readonly key?: string
  readonly operator?: string
  readonly value?: string
  readonly effect?: string
}

/** What is read of one. */
export interface PodSpec {
  readonly automountServiceAccountToken: boolean
  readonly hostNetwork?: boolean
  readonly initContainers: readonly Container[]
  readonly containers: readonly Container[]
  readonly tolerations?: readonly Toleration[]
  readonly affinity?: object
  readonly priorityClassName: string
  readonly volumes: readonly {
    readonly name: string
    readonly hostPath?: { readonly path: string; readonly type: string }
    readonly secret?: { readonly secretName: string; readonly defaultMode: number }
  }[]
}

/** What makes pods. */
export interface Templated {
  readonly spec: {
    readonly template: {
      readonly metadata: {
        readonly labels: Readonly<Record<string, string>>
        readonly annotations?: Readonly<Record<string, string>>
      }
      readonly spec: PodSpec
    }
  }
}

/** Every pod that is made, by the kind and the name of what makes it. */
export function podsOf({ objects }: Rendering): ReadonlyMap<string, PodSpec> {
  const pods = objects.flatMap(object => {
    const pod = podIn(object as unknown as { readonly kind: string; readonly spec: object })
    return pod === undefined ? [] : [[`${object.kind} ${object.metadata.name}`, pod] as const]
  })
  return new Map(pods)
}

function podIn({
  kind,
  spec,
}: {
  readonly kind: string
  readonly spec: object
}): PodSpec | undefined {
  if (kind === 'Pod') return spec as PodSpec
  if (kind === 'CronJob') {
    return (spec as { readonly jobTemplate: Templated }).jobTemplate.spec.template.spec
  }
  return /^(DaemonSet|Job)$/.test(kind) ? (spec as Templated['spec']).template.spec : undefined
}

/** The pod of each node. */
export const podOf = (rendering: Rendering): PodSpec =>
  rendering.one<Templated>('DaemonSet', 'release-holdfast').spec.template.spec

/** What installs, and what runs. */
export function containersOf(rendering: Rendering): readonly [init: Container, main: Container] {
  const { initContainers, containers } = podOf(rendering)
  const [init, main] = [...initContainers, ...containers]
  if (init === undefined || main === undefined) throw new Error('no two containers')
  return [init, main]
}

/** What the tests look at. */
interface MountedConfig {
  readonly mirror: { readonly tokenFile: string }
  readonly admin: { readonly socket: string }
  readonly mesh: { readonly kubernetes?: object }
  readonly node: { readonly zoneLabel?: string }
  readonly containerd: { readonly certsDir: string; readonly fallback: string }
  readonly dropFolder?: object
}

/** The configuration that is mounted. */
export const configOf = (rendering: Rendering): MountedConfig =>
  parse(
    rendering.one<{ data: Record<string, string> }>('ConfigMap', 'release-holdfast').data[
      'holdfast.yaml'
    ] ?? '',
  )

interface Policy {
  readonly spec: {
    readonly ingress: readonly {
      readonly ports?: readonly { readonly port: number }[]
      readonly toPorts?: readonly { readonly ports: readonly { readonly port: string }[] }[]
    }[]
  }
}

/** Ports that the network policy opens to anybody. */
export function portsAdmitted(rendering: Rendering): readonly number[] {
  const [policy] = rendering.objects.filter(({ kind }) => kind.endsWith('NetworkPolicy'))
  const { ingress } = (policy as KubernetesObject & Policy).spec
  const ports = ingress.flatMap(rule => [
    ...(rule.ports ?? []),
    ...(rule.toPorts ?? []).flatMap(one => one.ports),
  ])
  return [...new Set(ports.map(({ port }) => Number(port)))].sort()
}

/** The Secret of the release, as a cluster has it. @param data keys with base64 */
export const ownSecret = (data: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 'release-holdfast',
    namespace: 'ship',
    labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: {
      'meta.helm.sh/release-name': 'release',
      'meta.helm.sh/release-namespace': 'ship',
    },
  },
  data,
})
