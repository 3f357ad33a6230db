const presets = ['kubeadm', 'k3s', 'rke2', 'eks']
const service = { upstreams: {}, mesh: { kubernetes: { service: 'release-holdfast-mesh' } } }
const peers = [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }]

/** Values for all that the chart can be: what is said of one rendering holds for each. */
export const chartVariants: Readonly<Record<string, object>> = {
  ...Object.fromEntries(presets.map(preset => [preset, { preset }])),
  none: { fallback: 'none' },
  upstream: { fallback: 'upstream', seLinuxOptions: { type: 'spc_t' } },
  'second path': {
    secondPath: { enabled: true, nodePort: 30051 },
    'networkPolicy.nodeNetworks': ['10.0.0.0/24'],
  },
  cilium: { 'networkPolicy.kind': 'cilium', secondPath: { enabled: true } },
  monitored: { monitor: { kind: 'PodMonitor' }, 'networkPolicy.metricsFrom': peers },
  'by a service': {
    monitor: { kind: 'ServiceMonitor', labels: { team: 'sea' }, rules: true, dashboard: true },
  },
  'by the API server': { config: service },
  annotated: { config: { mesh: { kubernetes: { annotation: 'holdfast/mesh' } } } },
  'zone by a label': { config: { node: { zoneLabel: 'topology.kubernetes.io/zone' } } },
  warmed: { warm: { enabled: true, images: ['docker.io/library/nginx:1.27', 'redis:7'] } },
  carried: {
    'paths.drop': '/srv/drop',
    'paths.machineId': '-',
    upstreamSecrets: ['hub', 'ghcr'],
    'secret.existing': 'mine',
    'image.digest': `sha256:${'a'.repeat(64)}`,
    'image.pullSecrets': ['pull'],
  },
}
