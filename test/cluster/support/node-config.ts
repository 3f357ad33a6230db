import { podNetwork, podNetworkOf } from './network.ts'
import type { Pki } from './pki.ts'

/** How kube-proxy makes services: with `iptables` a NodePort is on loopback, too. */
export const proxyModes = ['iptables', 'nftables'] as const
export type ProxyMode = (typeof proxyModes)[number]

/** What the kubelet makes sandboxes of; every node has it from the start, as real ones do. */
export const pauseImage = 'registry.lab/pause:1'

/** Where containerd looks for hosts.toml files. */
export const certsDir = '/etc/containerd/certs.d'

/** `config.toml`. What is absent is as containerd has it. */
export const containerdConfig = (version: string): string =>
  version === '2.1'
    ? `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${pauseImage}'
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '${certsDir}'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['/usr/lib/cni']
[plugins.'io.containerd.nri.v1.nri']
  disable = true
`
    : `version = 2
[plugins.'io.containerd.grpc.v1.cri']
  sandbox_image = '${pauseImage}'
  restrict_oom_score_adj = true
[plugins.'io.containerd.grpc.v1.cri'.registry]
  config_path = '${certsDir}'
[plugins.'io.containerd.grpc.v1.cri'.cni]
  bin_dir = '/usr/lib/cni'
`

/** A bridge for the pods of a node, and portmap for their hostPorts. */
export const cniConfig = (index: number): object => ({
  cniVersion: '1.0.0',
  name: 'lab',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipMasq: false,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: podNetworkOf(index) }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', snat: true, capabilities: { portMappings: true } },
  ],
})

/** Defaults but for what a machine within a machine cannot do, and a disk that others fill. */
export const kubeletConfig = (pki: Pki, dns: string, controlGroup: string): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: pki.path('ca.crt') },
  },
  authorization: { mode: 'Webhook' },
  cgroupDriver: 'cgroupfs',
  cgroupRoot: controlGroup,
  enforceNodeAllocatable: [],
  failSwapOn: false,
  failCgroupV1: false,
  featureGates: { KubeletInUserNamespace: true },
  oomScoreAdj: 0,
  resolvConf: '',
  clusterDomain: 'cluster.local',
  clusterDNS: [dns],
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '1%',
    'imagefs.available': '1%',
  },
  nodeStatusUpdateFrequency: '5s',
})

/** As kubeadm has it, without limits of connections that belong to the whole machine. */
export const proxyConfig = (name: string, kubeconfig: string, mode: ProxyMode): object => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  clientConnection: { kubeconfig },
  mode,
  clusterCIDR: podNetwork,
  hostnameOverride: name,
  conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  oomScoreAdj: 0,
})
