import { resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { isLoopback } from '../config/listen.ts'
import type { RunningDaemon } from './command.ts'
import { formatBytes } from './print.ts'
import { columns, indented, toLines } from './table.ts'

/** What `serve` says once it listens: where everything is, and what to do with it. */
export function welcome(
  config: Config,
  addresses: RunningDaemon['addresses'],
  version: string,
): string {
  const adminScheme = config.admin.tls === undefined ? 'http' : 'https'
  const names = Object.keys(config.upstreams)
  const from =
    config.upstreamFiles.length === 0 ? [] : [`and those of ${config.upstreamFiles.join(', ')}`]
  const rows = [
    ['mirror', `http://${addresses.mirror}`, 'containerd and other clients pull here'],
    [
      'admin',
      `${adminScheme}://${addresses.admin}`,
      `holdfast resolve, why, tags, status; token in ${config.admin.tokenFile}`,
    ],
    ['health', `http://${addresses.health}`, '/livez /readyz /metrics'],
    ...(addresses.mesh === undefined
      ? []
      : [['mesh', addresses.mesh, `with the peer port on ${addresses.peer}; holdfast peers`]]),
    ['data', resolve(config.dataDir), whereBlobsAre(config)],
    [
      'upstreams',
      [names.join(', '), ...from].join(' '),
      `mode ${config.mode}, answers within ${config.resolve.timeoutMs} ms`,
    ],
  ]
  return [
    `holdfast ${version} is ready`,
    '',
    ...columns(rows).flatMap(row => toLines(indented(row), undefined)),
    '',
    ...examples(config, addresses.mirror),
    '',
  ].join('\n')
}

/** Off loopback they would be wrong: clients ask by another address than is listened on, and with a token. */
function examples(config: Config, mirror: string): readonly string[] {
  if (!isLoopback(config.mirror.listen)) return []
  return [
    'To try it:',
    `  ${tryCommand(exampleUrl(config, mirror))}`,
    '',
    'For containerd: holdfast containerd install. By hand, in',
    `/etc/containerd/certs.d/${exampleRegistry(config)}/hosts.toml:`,
    `  server = "http://${mirror}"`,
    `  [host."http://${mirror}"]`,
    '    capabilities = ["pull", "resolve"]',
    '    dial_timeout = "200ms"',
    '',
  ]
}

function whereBlobsAre({ store, containerd }: Config): string {
  return store.kind === 'containerd'
    ? `blobs in containerd at ${containerd.socket}`
    : `blobs in ${resolve(store.dir)}, at most ${formatBytes(store.quotaBytes)}`
}

/**
 * Shows the headers of a whole question. A HEAD alone would teach the node that its asker holds the image (`pull/given-digests`).
 */
const tryCommand = (url: string): string => `curl -s -D - -o /dev/null '${url}'`

const exampleRegistry = ({ upstreams, mirror }: Config): string =>
  upstreams[mirror.defaultUpstream] === undefined
    ? (Object.keys(upstreams).find(name => name !== '*') ?? mirror.defaultUpstream)
    : mirror.defaultUpstream

function exampleUrl(config: Config, mirror: string): string {
  const registry = exampleRegistry(config)
  const image = registry === 'docker.io' ? 'library/nginx' : 'NAME'
  return `http://${mirror}/v2/${image}/manifests/latest?ns=${encodeURIComponent(registry)}`
}
