import { Type } from 'typebox'
import { ofKind } from './kinds.ts'
import { group, milliseconds, text, texts } from './schema-parts.ts'

const places = (description: string) =>
  Type.Array(ofKind('place', { description: 'host or host:port.' }), { default: [], description })

/** `peer`: reading from other nodes. */
export const peerSchema = group(
  `The port on which nodes read from each other. Without effect while mesh.enabled is false.`,
  {
    listen: ofKind('listen', {
      default: '0.0.0.0:5052',
      description: 'Address of the peer port.',
    }),
    advertise: texts(
      'Addresses (host:port) that other nodes are told. Default: those found by listening.',
    ),
    stallMs: milliseconds('How long another node may send nothing', 5_000, 1),
    uploadBytesPerSecond: ofKind('size', {
      default: 0,
      description: 'Most that is sent to other nodes in a second; 0: no limit.',
    }),
    uploadPerPeerBytesPerSecond: ofKind('size', {
      default: 0,
      description: 'Most of it that one node gets in a second; 0: no limit.',
    }),
    parallelFromBytes: ofKind('size', {
      default: '64MiB',
      description: 'A blob at least this large is read from several nodes at once.',
    }),
  },
)

/** `mesh`: finding and telling other nodes. */
export const meshSchema = group('How nodes find each other and what they tell each other.', {
  enabled: Type.Boolean({
    default: false,
    description: 'Join the other nodes: share what is remembered, and read blobs from each other.',
  }),
  listen: ofKind('listen', { default: '0.0.0.0:5053', description: 'Address of the mesh.' }),
  advertise: texts(
    'Addresses (host:port) of the mesh listener that other nodes are told. Default: those found by listening.',
  ),
  secretFile: Type.Optional(
    ofKind('path', {
      description:
        'File with the secrets of the cluster, one a line: the first dials, all are accepted. Needed off loopback; ' +
        '`holdfast mesh secret` makes one.',
    }),
  ),
  seeds: places('Mesh listeners of other nodes to begin with, host:port.'),
  dns: places(
    'DNS names whose addresses are nodes: of a headless Service, say. The port is that of mesh.listen unless written.',
  ),
  mdns: Type.Boolean({ default: false, description: 'Look for nodes on the local network.' }),
  kubernetes: group(
    'How nodes are found in Kubernetes: behind a Service, or by annotations of the Node objects. Off while neither is named.',
    {
      service: Type.Optional(
        text('The Service whose pods are nodes of the mesh; its EndpointSlices are read.'),
      ),
      namespace: Type.Optional(text('The namespace of the Service. Default: that of the pod.')),
      annotation: Type.Optional(
        text(
          'Annotation of Node objects in which nodes write their address and look for others, as in holdfast/mesh.',
        ),
      ),
      nodeName: Type.Optional(
        text('The Node object that this node writes to. Default: node.name.'),
      ),
      kubeconfig: Type.Optional(
        ofKind('path', {
          description: 'Used in place of the service account of the pod.',
          'x-file': true,
        }),
      ),
    },
  ),
  operators: texts('Names or ids of the members whose pins and settings count; empty: all.'),
})

/** `containerd`: what lies beside us on this node. */
export const containerdSchema = group(
  'The containerd beside this node, for `holdfast containerd` and for store.kind both and containerd.',
  {
    socket: Type.Optional(
      ofKind('path', {
        description:
          'Its socket; needed with store.kind containerd. Default: looked for, that of K3s, RKE2 and k0s included. In a container mount the directory that holds it, not the socket.',
      }),
    ),
    namespace: text('Its namespace that holds the images.', { default: 'k8s.io' }),
    contentDir: Type.Optional(
      ofKind('path', {
        description:
          'Its content directory as seen from here; blobs that are not to be seen there are asked for. Default: what it says itself.',
      }),
    ),
    configFile: Type.Optional(
      ofKind('path', {
        description: 'Its own configuration. Default: looked for, /etc/containerd/config.toml say.',
      }),
    ),
    registriesFile: Type.Optional(
      ofKind('path', {
        description:
          'registries.yaml of K3s or RKE2. Default: looked for, /etc/rancher/k3s/registries.yaml say.',
      }),
    ),
    certsDir: Type.Optional(
      ofKind('path', {
        description:
          'Its directory of hosts.toml files. Default: what config_path names, else looked for.',
      }),
    ),
    fallback: Type.Enum(['auto', 'upstream', 'none'], {
      default: 'auto',
      description:
        'What stands behind the mirror in hosts.toml. upstream: the registry, also while it hangs. none: nobody. auto: nobody, and the registry while a running node knows that it answers.',
    }),
  },
)

/** `dropFolder`: images carried by hand. */
export const dropFolderSchema = group('Images carried by hand.', {
  path: Type.Optional(
    ofKind('path', {
      description:
        "Folder whose image archives, and lists of images (.txt), are imported; never K3s' own agent/images.",
    }),
  ),
})

/** `warm`: images fetched ahead, for this node alone. */
export const warmSchema = group(
  'Images that this node fetches before anybody asks; `holdfast warm` does it on all nodes.',
  {
    images: Type.Array(ofKind('image', { description: 'As in docker.io/library/nginx:1.27.' }), {
      default: [],
      description:
        'Fetched at once when they are written here, and then again and again; while their registry cannot be reached they wait.',
    }),
    schedule: ofKind('cron', {
      default: '0 3 * * *',
      description:
        'When they are fetched again, as a cron expression of minute, hour, day of the month, month and day of the week; seconds may stand before them.',
    }),
    timeZone: ofKind('timeZone', {
      default: 'UTC',
      description: 'Time zone of the schedule, as in Europe/Berlin.',
    }),
    jitter: ofKind('duration', {
      default: '10m',
      description:
        'Up to how much later than it is due a node begins, so that not all ask the registry at once; each node always by the same.',
    }),
  },
)
