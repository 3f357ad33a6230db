import { type Static, Type } from 'typebox'
import { ofKind } from './kinds.ts'
import {
  containerdSchema,
  dropFolderSchema,
  meshSchema,
  peerSchema,
  warmSchema,
} from './neighbour-schema.ts'
import type { SchemaNode } from './schema-node.ts'
import { group, milliseconds, text } from './schema-parts.ts'
import { onFailureSchema, ruleSchema, upstreamSchema } from './upstream-schema.ts'

const label = '[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?'
const port = ':[1-9][0-9]{0,4}'
/** What is nearly `parseRegistry`, for who has only a pattern. */
const registryNames = `^(\\*|(localhost|${label}(\\.${label})+|\\[[0-9A-Fa-f:.]+\\])(${port})?|${label}${port})$`

/**
 * Every key of the configuration: its kind, bounds, default and meaning. Validation, defaults, `config/holdfast.schema.json`,
 * `config/holdfast.yaml`, environment variables, flags and the type `Config` all come from this list.
 */
const configSchema = group('Configuration of Holdfast.', {
  dataDir: ofKind('path', {
    default: './data',
    description:
      'Directory of everything that must survive a restart. Relative paths start at the working directory.',
  }),
  mode: Type.Enum(['auto', 'offline', 'online'], {
    default: 'auto',
    description:
      'auto: ask the registry unless it is known to be down. offline: never ask. online: ask even then.',
  }),
  node: group('Who this node is.', {
    name: Type.Optional(text('Name of this node. Default: the host name.')),
    zone: Type.Optional(
      text('Site or rack; nodes of one zone are near each other. Default: none.'),
    ),
    zoneLabel: Type.Optional(
      text(
        'In a pod of Kubernetes without zone: the label of its Node object, called node.name, that tells it, as in topology.kubernetes.io/zone. Asked at the start, for a second at most; while nobody answers the zone is what it was last. Default: not asked.',
      ),
    ),
    image: Type.Optional(
      ofKind('image', {
        description:
          'Image that this node runs from, which `holdfast export --self` takes along. Default: none.',
      }),
    ),
  }),
  platforms: Type.Optional(
    Type.Array(ofKind('platform', { description: 'As in linux/amd64 or linux/arm/v7.' }), {
      minItems: 1,
      description:
        'What an image must hold to count as complete for the clients of this node. Default: the platform of this node.',
    }),
  ),
  mirror: group('The registry that containerd and other clients pull from.', {
    listen: ofKind('listen', { default: '127.0.0.1:5050', description: 'Address of the mirror.' }),
    defaultUpstream: text(
      'Registry meant by a request that names none (no ?ns= and no registry in its path).',
      { default: 'docker.io' },
    ),
    allow: Type.Array(ofKind('network', { description: 'IP address or network.' }), {
      default: [],
      description:
        'Addresses and networks that may ask without a token when the mirror listens off loopback, beside those of this node itself.',
    }),
    tokenFile: Type.Optional(
      ofKind('path', {
        'x-file': true,
        description:
          'File with the token that admits a client off loopback, of 22 characters or more; hosts.toml sends it as a header.',
      }),
    ),
  }),
  admin: group('The interface of operators and of the command line.', {
    listen: ofKind('listen', {
      default: '127.0.0.1:5051',
      description: 'Address of the admin API. Off loopback it needs tls.',
    }),
    socket: Type.Optional(
      ofKind('path', {
        description: 'Unix socket to listen on beside the address. Default: none.',
      }),
    ),
    tokenFile: Type.Optional(
      ofKind('path', {
        description:
          'File with the tokens that every call needs one of, each a line of 22 characters or more; made at the first start, for its owner only. Default: <dataDir>/admin.token.',
        'x-derived': '<dataDir>/admin.token',
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          certFile: ofKind('path', {
            'x-file': true,
            description: 'PEM of the certificate and its chain.',
          }),
          keyFile: ofKind('path', { 'x-file': true, description: 'PEM of its key.' }),
        },
        {
          additionalProperties: false,
          description:
            'Certificate of the admin API: certFile and keyFile. Default: none, plain HTTP.',
        },
      ),
    ),
  }),
  peer: peerSchema,
  mesh: meshSchema,
  health: group('Probes and metrics.', {
    listen: ofKind('listen', {
      default: '127.0.0.1:5054',
      description: 'Address of /livez, /readyz and /metrics. They hold no secrets.',
    }),
  }),
  upstreams: Type.Record(Type.String(), upstreamSchema, {
    default: { 'docker.io': {} },
    'x-entry': 'docker.io',
    'x-names': registryNames,
    description:
      'The only registries that are ever contacted, by name; "*" opts in to any public one. A list given here replaces the default.',
  }),
  upstreamFiles: Type.Array(ofKind('path', { 'x-file': true, description: 'File.' }), {
    default: [],
    description:
      'Files to read further upstreams and credentials from: registries.yaml of K3s, config.json of Docker.',
  }),
  resolve: group('How a tag becomes a digest.', {
    timeoutMs: Type.Integer({
      minimum: 10,
      maximum: 60_000,
      default: 1_000,
      description:
        'How long a client waits for the registry before memory answers, in milliseconds.',
    }),
    upstreamTimeoutMs: Type.Integer({
      minimum: 10,
      maximum: 600_000,
      default: 10_000,
      description:
        'How long the question itself goes on behind that, in milliseconds; a late answer is remembered. Warm jobs wait as long.',
    }),
    freshForMs: milliseconds(
      'How long a confirmation is answered without asking again (0: ask every time)',
      0,
    ),
    askPeers: Type.Boolean({
      default: true,
      description:
        'Ask another node that reaches the registry when this one does not. Without effect while mesh.enabled is false.',
    }),
    onFailure: onFailureSchema,
    rules: Type.Array(ruleSchema, {
      default: [],
      description: 'Exceptions for the tags that match; the first match wins.',
    }),
  }),
  store: group('Where the bytes are.', {
    kind: Type.Enum(['disk', 'containerd', 'both'], {
      default: 'disk',
      description:
        'Which store: disk; both: what containerd holds is served from there and not kept twice; or containerd: nothing is kept here, what it does not hold is passed on, and the other keys of store are without effect.',
    }),
    dir: Type.Optional(
      ofKind('path', {
        description: 'Directory of the blobs. Default: <dataDir>/blobs.',
        'x-derived': '<dataDir>/blobs',
      }),
    ),
    quotaBytes: ofKind('size', {
      default: '20GiB',
      description: 'Most that the blobs may take; the least recently used go first.',
    }),
    minFreeBytes: ofKind('freeSpace', {
      default: '20%',
      description:
        'What is left free on the file system, as a size or a share; keep it above the eviction threshold of the kubelet.',
    }),
    unusedForDays: Type.Integer({
      minimum: 0,
      maximum: 36_500,
      default: 0,
      description: 'Drop what was not used for so many days; 0: never for its age.',
    }),
    completeTags: Type.Boolean({
      default: true,
      description:
        'Fetch the rest of an image behind the answer to its tag, so that it can be served offline.',
    }),
    backgroundBytesPerSecond: ofKind('size', {
      default: 0,
      description:
        'Most that is read from registries in a second while no client waits for it: the rest of images, copies of what is ' +
        'kept, warm jobs; 0: no limit. What nodes read from each other is limited by peer.uploadBytesPerSecond.',
    }),
  }),
  containerd: containerdSchema,
  dropFolder: dropFolderSchema,
  keep: group('What must stay available offline.', {
    copies: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 2,
      description:
        'How many nodes of a mesh hold each image that is kept, for each platform that nodes have clients of; they fetch what they lack.',
    }),
    repairAfter: ofKind('duration', {
      default: '10m',
      description:
        'How long a node may be away before its copies are made anew elsewhere; a reboot should be shorter.',
    }),
    reportEvery: ofKind('duration', {
      default: '10m',
      description:
        'How often the offline report on what is kept is made for the metrics that tell its verdicts.',
    }),
    patterns: Type.Array(ofKind('imagePattern', { description: 'As in resolve.rules.' }), {
      default: [],
      description:
        'Images that must stay available offline, as patterns like docker.io/library/*:latest; `holdfast keep` says the same on every node.',
    }),
    running: Type.Boolean({
      default: true,
      description:
        'Keep what the pods of this node run, as its containerd tells (CRI, at containerd.socket), and tell other nodes, so that keep.copies hold it; without one nothing is looked at, nor told.',
    }),
    runningFor: ofKind('duration', {
      default: '7d',
      description:
        'How long what no pod runs any more is still kept, only time in which containerd answers counts; and how long, from two days up, what another node said of its pods counts without being said anew.',
    }),
  }),
  warm: warmSchema,
  tracing: group('Spans of what a request took its time for, for OpenTelemetry. Off by default.', {
    endpoint: Type.Optional(
      ofKind('endpointUrl', {
        description:
          'Where spans are posted as OTLP over HTTP, such as http://collector:4318/v1/traces; OTEL_EXPORTER_OTLP_HEADERS holds headers for it. Default: nowhere.',
      }),
    ),
    share: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 1,
      description: 'How many of the traces are sent: 0.01 is one in a hundred.',
    }),
  }),
  log: group('Logs go to standard error.', {
    level: Type.Enum(['debug', 'info', 'warn', 'error'], {
      default: 'info',
      description: 'Least severe line that is written.',
    }),
    format: Type.Enum(['json', 'pretty'], {
      default: 'json',
      description: 'json, or pretty for people. Unless it is written, a terminal gets pretty.',
    }),
  }),
})

/** The configuration as it is read: every default in place, sizes in bytes, durations in ms. */
export type ConfigValues = Static<typeof configSchema>

/** The list as this program walks it. */
export const rootNode: SchemaNode = configSchema as object
