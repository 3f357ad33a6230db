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
  readonly volumeMounts: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
    readonly subPath?: string
    readonly mountPropagation?: string
  }[]
}

/** Of the DaemonSet. */
export interface PodSpec {
  readonly automountServiceAccountToken: boolean
  readonly hostNetwork?: boolean
  readonly initContainers: readonly Container[]
  readonly containers: readonly Container[]
  readonly tolerations: readonly object[]
  readonly priorityClassName: string
  readonly volumes: readonly {
    readonly name: string
    readonly hostPath?: { readonly path: string; readonly type: string }
    readonly secret?: { readonly secretName: string; readonly defaultMode: number }
  }[]
}

/** What makes pods. */
export interface Templated {
  readonly spec: { readonly template: { readonly spec: PodSpec } }
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
