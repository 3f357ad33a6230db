import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatFault } from '../../src/config/faults.ts'
import { loadConfig } from '../../src/config/load.ts'

interface Given {
  readonly yaml?: string
  readonly env?: Record<string, string>
  readonly flags?: Record<string, string | undefined>
  readonly isTerminal?: boolean
}

async function load(t: Test, { yaml, env = {}, flags = {}, isTerminal = false }: Given) {
  const path = join(t.testdir({ 'holdfast.yaml': yaml ?? '' }), 'holdfast.yaml')
  const loaded = await loadConfig({
    file: yaml === undefined ? undefined : { path, origin: { kind: 'flag', name: '--config' } },
    env,
    flags: Object.entries(flags).map(([name, text]) => ({ name, text })),
    isTerminal,
  })
  const faults = loaded.faults.map(fault => formatFault(fault).replaceAll(path, 'holdfast.yaml'))
  return { ...loaded, told: faults }
}

async function accepted(t: Test, given: Given) {
  const { config, told } = await load(t, given)
  t.strictSame(told, [])
  if (config === undefined) throw new Error('refused')
  return config
}

t.test('without anything written the defaults of the design hold', async t => {
  const config = await accepted(t, {})
  t.match(config, {
    dataDir: './data',
    mode: 'auto',
    mirror: { listen: { host: '127.0.0.1', port: 5050 }, defaultUpstream: 'docker.io', allow: [] },
    admin: { listen: { host: '127.0.0.1', port: 5051 }, tokenFile: 'data/admin.token' },
    health: { listen: { host: '127.0.0.1', port: 5054 } },
    upstreams: { 'docker.io': { url: undefined, endpoints: [], policies: {} } },
    resolve: {
      timeoutMs: 1000,
      upstreamTimeoutMs: 10_000,
      freshForMs: 0,
      onFailure: { unreachable: 'serve', rateLimited: 'serve', denied: 'deny', notFound: 'deny' },
      rules: [],
    },
    store: {
      kind: 'disk',
      dir: 'data/blobs',
      quotaBytes: 20 * 2 ** 30,
      minFreeBytes: { percent: 20 },
    },
    keep: { copies: 2, repairAfter: 600_000, reportEvery: 600_000, patterns: [] },
    log: { level: 'info', format: 'json' },
  })
  t.equal(config.platforms.length, 1)
  t.match(config.node.name, /./)
  t.strictSame(config.upstreams['docker.io']?.timeouts, {
    connectMs: 3000,
    headersMs: 10_000,
    stallMs: 10_000,
  })
})

t.test('an empty file, one of comments, and one of empty keys change nothing', async t => {
  const defaults = await accepted(t, {})
  for (const yaml of [
    '',
    '# nothing\n',
    '---\n',
    'mirror:\nadmin: { socket, tls: { certFile, keyFile } }\n',
  ]) {
    t.strictSame(await accepted(t, { yaml }), defaults, JSON.stringify(yaml))
  }
})

t.test('the environment overrides the file, and flags override the environment', async t => {
  const yaml = 'resolve: { timeoutMs: 100, upstreamTimeoutMs: 2000, freshForMs: 5 }'
  const env = { HOLDFAST_RESOLVE__TIMEOUT_MS: '200', HOLDFAST_RESOLVE__FRESH_FOR_MS: '6' }
  const flags = { 'resolve.timeout-ms': '300' }
  const { resolve } = await accepted(t, { yaml, env, flags })
  t.match(resolve, { timeoutMs: 300, upstreamTimeoutMs: 2000, freshForMs: 6 })
})

t.test('maps and lists are JSON outside the file, and replace what the file has', async t => {
  const config = await accepted(t, {
    yaml: 'upstreams: { docker.io: {}, quay.io: {} }\nplatforms: [linux/amd64]',
    env: { HOLDFAST_UPSTREAMS: '{"ghcr.io":{"url":"https://ghcr.io/"}}' },
    flags: { platforms: '["linux/arm64","linux/arm/v7"]' },
  })
  t.strictSame(Object.keys(config.upstreams), ['ghcr.io'])
  t.equal(config.upstreams['ghcr.io']?.url, 'https://ghcr.io')
  t.strictSame(
    config.platforms.map(({ architecture }) => architecture),
    ['arm64', 'arm'],
  )
})

t.test('a group given as JSON is laid over the keys of the file', async t => {
  const { resolve } = await accepted(t, {
    yaml: 'resolve: { timeoutMs: 100, freshForMs: 5 }',
    env: { HOLDFAST_RESOLVE: '{"freshForMs":7}', HOLDFAST_RESOLVE__ON_FAILURE__DENIED: 'serve' },
  })
  t.match(resolve, {
    timeoutMs: 100,
    freshForMs: 7,
    onFailure: { denied: 'serve', notFound: 'deny' },
  })
})

t.test('sizes, durations and switches are read from text as from YAML', async t => {
  const config = await accepted(t, {
    yaml: 'store: { quotaBytes: 1048576, minFreeBytes: 2GiB }',
    env: { HOLDFAST_KEEP__REPAIR_AFTER: '30s', HOLDFAST_STORE__UNUSED_FOR_DAYS: '30' },
    flags: { 'store.completeTags': 'false', 'data-dir': '/srv/holdfast' },
  })
  t.match(config.store, {
    quotaBytes: 1_048_576,
    minFreeBytes: 2 * 2 ** 30,
    completeTags: false,
    unusedForDays: 30,
  })
  t.equal(config.keep.repairAfter, 30_000)
  t.equal(config.store.dir, '/srv/holdfast/blobs', 'what lies under dataDir moves with it')
  t.equal(
    (await accepted(t, { flags: { 'store.complete-tags': undefined } })).store.completeTags,
    true,
  )
})

t.test('<dataDir> stands for the data directory in any path', async t => {
  const config = await accepted(t, {
    yaml: 'dataDir: /d\nstore: { dir: <dataDir>/b }\nadmin: { socket: <dataDir>/s }',
  })
  t.equal(config.store.dir, '/d/b')
  t.equal(config.admin.socket, '/d/s')
})

t.test('every fault is told at once, each with its place, its value and a cure', async t => {
  const { told } = await load(t, {
    yaml: [
      'mode: sometimes',
      'resolve:',
      '  timeoutms: 5',
      '  upstreamTimeoutMs: "10s"',
      'upstreams:',
      '  quay.io:',
      '    url: ftp://quay.io',
      'nope: 1',
    ].join('\n'),
    env: {
      HOLDFAST_STORE__QUOTA_BYTES: 'much',
      HOLDFAST_RESOLVE_TIMEOUT_MS: '5',
      HOLDFAST_PLATFORMS: 'linux/amd64',
    },
    flags: { 'mirror.listen': '5050' },
  })
  t.strictSame(told, [
    'holdfast.yaml:1:7: mode: "sometimes" must be auto, offline or online',
    'holdfast.yaml:3:3: resolve.timeoutms is no key of the configuration\n    did you mean timeoutMs?',
    'holdfast.yaml:4:22: resolve.upstreamTimeoutMs: "10s" must be a whole number from 10 to 600000\n    write the number alone: the name of the key tells its unit',
    'holdfast.yaml:7:10: upstreams["quay.io"].url: "ftp://quay.io" is no http:// or https:// URL\n    write https://registry.example',
    'holdfast.yaml:8:1: nope is no key of the configuration\n    did you mean node?',
    'HOLDFAST_PLATFORMS: platforms must be JSON\n    write it as in ["one", "two"]',
    'HOLDFAST_RESOLVE_TIMEOUT_MS: is no variable of Holdfast\n    did you mean HOLDFAST_RESOLVE__TIMEOUT_MS?',
    '--mirror.listen: mirror.listen: "5050" is no address to listen on\n    write host:port, as in 127.0.0.1:5050, 0.0.0.0:5050 or [::1]:5050; port 0 takes any free one',
    'HOLDFAST_STORE__QUOTA_BYTES: store.quotaBytes: "much" is no size\n    write bytes, or a unit as in 20GiB or 500MB',
  ])
})

t.test('keys that contradict each other are told where they were written', async t => {
  const { told } = await load(t, {
    yaml: 'resolve: { upstreamTimeoutMs: 500 }\nhealth: { listen: 0.0.0.0:5050 }',
    flags: { 'admin.listen': '10.0.0.1:7000' },
  })
  t.strictSame(told, [
    'holdfast.yaml:1:31: resolve.upstreamTimeoutMs does not fit: timeoutMs (1000) must not be above upstreamTimeoutMs (500)\n    a client cannot wait longer for the answer than the question goes on',
    'holdfast.yaml:2:19: health.listen takes the address of mirror.listen (0.0.0.0:5050)\n    give each listener a port of its own',
    '--admin.listen: admin.listen: "10.0.0.1:7000" is off loopback without admin.tls\n    set admin.tls, or listen on 127.0.0.1 or admin.socket',
  ])
})

t.test('a fault elsewhere does not hide that keys contradict each other', async t => {
  const { told } = await load(t, {
    yaml: 'mode: x\nresolve: { timeoutMs: 60000 }\nupstreams: { bad: {} }',
  })
  t.equal(told.length, 3)
  t.match(
    told.join('\n'),
    /mode: "x".*resolve.timeoutMs does not fit.*upstreams.bad is no name of a registry/s,
  )
})

t.test('a fault in a part does not hide what is wrong beside it', async t => {
  const { told } = await load(t, {
    yaml: [
      'mirror: { allow: [nobody] }',
      'admin: { listen: 0.0.0.0:5051 }',
      'upstreams:',
      '  quay.io/acme: { url: ftp://quay.io, rewrite: { "(": x }, realms: [/] }',
      '  docker.io: { auth: { username: a }, tls: { certFile: a }, timeouts: { stallMs: 1s } }',
      '  ghcr.io: 5',
    ].join('\n'),
  })
  t.match(told, [
    /^holdfast.yaml:1:\d+: mirror.allow\[0\]: "nobody" is neither/,
    /^holdfast.yaml:2:\d+: admin.listen: "0.0.0.0:5051" is off loopback without admin.tls/,
    /^holdfast.yaml:4:\d+: upstreams\["quay.io\/acme"\] is no name of a registry/,
    /^holdfast.yaml:4:\d+: .*url: "ftp:\/\/quay.io" is no http/,
    /^holdfast.yaml:4:\d+: .*rewrite\["\("\] is no regular expression/,
    /^holdfast.yaml:4:\d+: .*realms\[0\]: "\/" is no host/,
    /^holdfast.yaml:5:\d+: .*auth has a username and no password/,
    /^holdfast.yaml:5:\d+: .*tls has no keyFile/,
    /^holdfast.yaml:5:\d+: .*stallMs: "1s" must be a whole number/,
    /^holdfast.yaml:6:\d+: upstreams\["ghcr.io"\]: 5 must be a mapping/,
  ])
  t.equal(told.length, 10)
})

t.test('a number where text is due is told what to write', async t => {
  const { told } = await load(t, { yaml: 'keep: { repairAfter: 10 }\ndataDir: 5' })
  t.strictSame(told, [
    'holdfast.yaml:1:22: keep.repairAfter: 10 is no duration with a unit\n    write 30s, 10m, 12h or 7d',
    'holdfast.yaml:2:10: dataDir: 5 must be text\n    put it in quotes',
  ])
})

t.test('a secret is never shown, whatever is wrong with it', async t => {
  const secret = 'hunter2-hunter2'
  const files = [
    `upstreams: { docker.io: { auth: { username: bob, password: [${secret}] } } }`,
    `upstreams: { docker.io: { auth: "bob:${secret}" } }`,
    `upstreams: { docker.io: { auth: { token: { a: ${secret} } } } }`,
    `upstreams: { docker.io: { url: "https://bob:${secret}@quay.io" } }`,
    `upstreams: { docker.io: { proxy: "bob:${secret}@proxy" } }`,
    `upstreams: { docker.io: { auth: { ${secret} } } }`.replace(secret, `pasword: ${secret}`),
    `upstreams: { docker.io: { auth: { username: bob, password: "${secret}" "x" } } }`,
    `upstreams: { docker.io: { auth: { password: !!int "${secret}" } } }`,
    `upstreams: { docker.io: { auth: { password: ${secret} } }`,
    `upstreams:\n  docker.io:\n    auth:\n      password: |${secret}\n`,
    `password: @${secret}`,
    `"a\\q${secret}": 1`,
    `upstreams: { docker.io: { auth: { username: b, password: ${secret}, token: ${secret} } } }`,
  ]
  for (const yaml of files) {
    const { told } = await load(t, { yaml })
    t.not(told.length, 0, yaml)
    t.notMatch(told.join('\n'), secret, yaml)
  }
  const number = '8675309'
  const misplaced = await load(t, {
    yaml: `upstreams: { a.lan: { auth: { username: ${number} } } }`,
  })
  t.match(misplaced.told, [/auth.username: \(hidden\) must be text/])
  const { told } = await load(t, {
    env: { HOLDFAST_UPSTREAMS: `{"docker.io":{"auth":{"token":"${secret}"}` },
  })
  t.equal(told.length, 1)
  t.notMatch(told[0] ?? secret, secret)
})

t.test('what a node warms by itself is images and a time that comes', async t => {
  const { warm } = await accepted(t, {
    yaml: 'warm: { images: [nginx], schedule: "*/30 * * * *", timeZone: Europe/Berlin, jitter: 1m }',
  })
  t.strictSame(warm, {
    images: ['docker.io/library/nginx:latest'],
    schedule: '*/30 * * * *',
    timeZone: 'Europe/Berlin',
    jitter: 60_000,
  })
  const { told } = await load(t, {
    yaml: 'warm: { images: ["a b"], schedule: 0 0 30 2 *, timeZone: Mars/Olympus }',
  })
  t.equal(told.length, 3)
  t.match(told[0], /warm.images\[0\]: .*is no image/s)
  t.match(told[1], /warm.schedule: .*never comes.*write minute, hour/s)
  t.match(told[2], /warm.timeZone: .*is no time zone.*Europe\/Berlin/s)
})

t.test('containerd as the only store has to be named, and takes no archives', async t => {
  const { told } = await load(t, {
    yaml: 'store: { kind: containerd }\ndropFolder: { path: /drop }',
  })
  t.equal(told.length, 2)
  t.match(told[0], /dropFolder.path: .*cannot be had.*write store.kind both/s)
  t.match(told[1], /containerd.socket is needed.*write \/run\/containerd\/containerd.sock/s)
  const { store } = await accepted(t, {
    yaml: 'store: { kind: containerd }\ncontainerd: { socket: /run/c/c.sock }',
  })
  t.equal(store.kind, 'containerd')
})

t.test('a file that cannot be read is a fault of whoever named it', async t => {
  const path = join(t.testdir({}), 'none.yaml')
  const origin = { kind: 'variable', name: 'HOLDFAST_CONFIG' } as const
  const { faults } = await loadConfig({
    file: { path, origin },
    env: {},
    flags: [],
    isTerminal: false,
  })
  t.strictSame(faults.map(formatFault), [
    `HOLDFAST_CONFIG: the configuration file ${path} cannot be read: there is no such file`,
  ])
})

t.test('logs are pretty on a terminal unless their format is written', async t => {
  t.equal((await accepted(t, { isTerminal: true })).log.format, 'pretty')
  t.equal(
    (await accepted(t, { isTerminal: true, yaml: 'log: { format: json }' })).log.format,
    'json',
  )
  t.equal(
    (await accepted(t, { isTerminal: true, flags: { 'log.format': 'json' } })).log.format,
    'json',
  )
})

t.test('files that the configuration names are looked for when asked', async t => {
  const directory = t.testdir({ there: 'x' })
  const config = {
    mirror: { tokenFile: join(directory, 'there') },
    upstreams: { 'docker.io': { tls: { caFile: join(directory, 'gone') } } },
    upstreamFiles: [join(directory, 'there'), join(directory, 'registries.yaml')],
    admin: { tokenFile: join(directory, 'made-at-first-start') },
  }
  const path = join(directory, 'holdfast.yaml')
  await writeFile(path, JSON.stringify(config, null, 1))
  const loaded = await loadConfig({
    file: { path, origin: { kind: 'flag', name: '--config' } },
    env: {},
    flags: [],
    isTerminal: false,
  })
  if (loaded.config === undefined) throw new Error('refused')
  const faults = await loaded.findUnreadableFiles()
  t.strictSame(
    faults.map(fault => formatFault(fault).replaceAll(directory, '')),
    [
      '/holdfast.yaml:8:15: upstreams["docker.io"].tls.caFile: "/gone" cannot be read: there is no such file',
      '/holdfast.yaml:14:3: upstreamFiles[1]: "/registries.yaml" cannot be read: there is no such file',
    ],
  )
})

t.test('what should be a group and is not is told, whatever is laid over it', async t => {
  const env = { HOLDFAST_RESOLVE__TIMEOUT_MS: '500' }
  t.match((await load(t, { yaml: 'resolve: 5', env })).told, [
    /holdfast.yaml:1:10: resolve: 5 must be a mapping/,
  ])
})

t.test('a key named like a part of every object is as unknown as others', async t => {
  const { told } = await load(t, { yaml: 'constructor: 1\n__proto__: { mode: x }\ntoString:' })
  t.strictSame(
    told.map(text => /: (\S+) is no key/.exec(text)?.[1]),
    ['constructor', '__proto__', 'toString'],
  )
})
