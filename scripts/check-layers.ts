import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** Imports that the linter must refuse, as file → what it imports. */
const forbidden: Readonly<Record<string, readonly string[]>> = {
  'src/oci/x.ts': [
    '../ledger/record.ts',
    '../ports/log.ts',
    '../config/load.ts',
    'yaml',
    'node:fs',
  ],
  'src/ledger/x.ts': [
    '../ports/log.ts',
    '../pull/policy.ts',
    '../adapters/disk/x.ts',
    'node:crypto',
    'better-sqlite3',
  ],
  'src/ports/x.ts': [
    '../pull/policy.ts',
    '../adapters/disk/x.ts',
    '../config/config.ts',
    'undici',
    'node:fs',
  ],
  'src/pull/x.ts': [
    '../keep/collect.ts',
    '../sync/x.ts',
    '../archive/x.ts',
    '../adapters/disk/x.ts',
    '../http/mirror.ts',
    '../config/config.ts',
    '../telemetry/metrics.ts',
    '../daemon.ts',
    '../cli/run.ts',
    'undici',
    'node:fs',
    'node:http',
    'prom-client',
  ],
  'src/keep/x.ts': [
    '../pull/policy.ts',
    '../sync/x.ts',
    '../adapters/sqlite/x.ts',
    '../config/config.ts',
    'better-sqlite3',
    'node:fs/promises',
  ],
  'src/sync/x.ts': ['../pull/policy.ts', '../keep/collect.ts', '../mesh/x.ts'],
  'src/mesh/x.ts': [
    '../pull/policy.ts',
    '../sync/x.ts',
    '../keep/collect.ts',
    '../adapters/libp2p/x.ts',
    '../config/config.ts',
    'libp2p',
    'undici',
    'node:net',
    'node:dns',
  ],
  'src/archive/x.ts': ['../pull/policy.ts', '../adapters/disk/x.ts'],
  'src/adapters/registry/x.ts': [
    '../disk/x.ts',
    '../../pull/policy.ts',
    '../../config/config.ts',
    '../../http/mirror.ts',
    'better-sqlite3',
    'fastify',
  ],
  'src/adapters/sqlite/x.ts': [
    '../registry/x.ts',
    '../../keep/collect.ts',
    '../../daemon.ts',
    'undici',
    'prom-client',
  ],
  'src/adapters/disk/x.ts': [
    '../sqlite/x.ts',
    '../../telemetry/metrics.ts',
    'better-sqlite3',
    'pino',
  ],
  'src/adapters/peer-http/x.ts': [
    '../registry/x.ts',
    '../disk/x.ts',
    '../../pull/policy.ts',
    '../../http/mirror.ts',
    'fastify',
    'libp2p',
  ],
  'src/adapters/containerd/x.ts': [
    '../disk/x.ts',
    '../../pull/policy.ts',
    '../../config/config.ts',
    'undici',
  ],
  'src/adapters/containerd-setup/x.ts': [
    '../registry/x.ts',
    '../containerd/x.ts',
    '../../cli/run.ts',
    'fastify',
    '@grpc/grpc-js',
  ],
  'src/adapters/tar/x.ts': ['../disk/x.ts', '../../archive/x.ts', 'chokidar'],
  'src/adapters/drop-folder/x.ts': ['../tar/x.ts', '../../archive/x.ts', 'tar-stream'],
  'src/adapters/libp2p/x.ts': ['../registry/x.ts', '../../pull/policy.ts'],
  'src/wire/x.ts': [
    '../http/mirror.ts',
    '../pull/policy.ts',
    '../adapters/disk/x.ts',
    'fastify',
    'undici',
    'node:fs',
  ],
  'src/http/x.ts': [
    '../adapters/disk/x.ts',
    '../cli/run.ts',
    '../config/config.ts',
    '../telemetry/metrics.ts',
    '../daemon.ts',
    'undici',
    'better-sqlite3',
    'prom-client',
  ],
  'src/http/admin/x.ts': [
    '../../adapters/disk/x.ts',
    '../../cli/run.ts',
    '../../config/config.ts',
    '../../telemetry/metrics.ts',
    '../../daemon.ts',
    'better-sqlite3',
  ],
  'src/telemetry/x.ts': [
    '../adapters/disk/x.ts',
    '../keep/collect.ts',
    '../http/mirror.ts',
    '../config/config.ts',
    '../daemon.ts',
    'fastify',
  ],
  'src/config/x.ts': [
    '../ledger/record.ts',
    '../ports/errors.ts',
    '../pull/policy.ts',
    '../cli/run.ts',
    '../daemon.ts',
    'undici',
  ],
  'src/cli/x.ts': [
    '../daemon.ts',
    '../ports/errors.ts',
    '../pull/policy.ts',
    '../adapters/disk/x.ts',
    '../http/mirror.ts',
    '../telemetry/log.ts',
    'better-sqlite3',
    'fastify',
  ],
  'src/cli/commands/x.ts': [
    '../../daemon.ts',
    '../../ports/errors.ts',
    '../../adapters/disk/x.ts',
    'undici',
  ],
  'deb/x.ts': ['../src/daemon.ts', '../scripts/build.ts', 'tar-stream'],
  'image/x.ts': ['../src/daemon.ts', '../src/oci/digest.ts', '../scripts/ci.ts', 'fastify'],
}

/** Imports that the layers are for, and that the linter must let pass. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'src/oci/y.ts': ['./digest.ts', 'node:crypto'],
  'src/ledger/y.ts': ['./record.ts', '../oci/digest.ts', 'cborg'],
  'src/ports/y.ts': ['./log.ts', '../oci/digest.ts', '../ledger/record.ts'],
  'src/pull/y.ts': [
    './policy.ts',
    '../oci/digest.ts',
    '../ledger/record.ts',
    '../ports/log.ts',
    'p-timeout',
    'lru-cache',
  ],
  'src/keep/y.ts': ['../oci/digest.ts', '../ports/content-store.ts'],
  'src/adapters/registry/y.ts': [
    './ask.ts',
    '../../oci/digest.ts',
    '../../ports/upstream.ts',
    'undici',
    'node:net',
  ],
  'src/adapters/sqlite/y.ts': [
    '../../ledger/record.ts',
    '../../ports/tag-ledger.ts',
    'better-sqlite3',
    'node:worker_threads',
  ],
  'src/adapters/peer-http/y.ts': [
    '../../ports/peer-port.ts',
    '../../wire/send-blob.ts',
    'undici',
    'node:tls',
  ],
  'src/wire/y.ts': ['./byte-range.ts', '../ports/content-store.ts', 'node:http'],
  'src/adapters/containerd/y.ts': ['../../ports/content-store.ts', '@grpc/grpc-js', 'node:net'],
  'src/adapters/containerd-setup/y.ts': ['../../ports/errors.ts', 'smol-toml', 'node:fs/promises'],
  'src/adapters/disk/y.ts': ['../../ports/content-store.ts', 'node:fs/promises'],
  'src/http/y.ts': [
    '../wire/send-blob.ts',
    '../pull/resolution.ts',
    '../ports/log.ts',
    '../oci/errors.ts',
    'fastify',
    'node:http',
  ],
  'src/http/admin/y.ts': [
    './problem.ts',
    '../listener.ts',
    '../../pull/resolution.ts',
    '../../mesh/mesh-status.ts',
    '../../ports/log.ts',
    'fastify',
    'typebox',
  ],
  'src/telemetry/y.ts': ['../ports/log.ts', '../oci/digest.ts', 'pino', 'prom-client'],
  'src/config/y.ts': [
    '../oci/reference.ts',
    'typebox',
    'typebox/value',
    'yaml',
    'node:fs/promises',
  ],
  'src/cli/y.ts': ['./command.ts', '../config/load.ts', '../oci/reference.ts', 'node:http'],
  'src/cli/commands/y.ts': ['../print.ts', '../../config/load.ts', '../../oci/reference.ts'],
  'deb/y.ts': ['./package.ts', '../image/entry.ts', 'node:fs'],
  'image/y.ts': ['./layer.ts', '../scripts/build.ts', 'tar-stream', 'typebox/value', 'node:fs'],
  'src/daemon.ts': [
    './adapters/disk/x.ts',
    './http/mirror.ts',
    './config/config.ts',
    './telemetry/log.ts',
  ],
}

/** The ways in which a file can import another: a value, a type, lazily. */
const ways: readonly ((specifier: string) => string)[] = [
  specifier => `import { a } from '${specifier}'\na()\n`,
  specifier => `import type { A } from '${specifier}'\nexport const a: A | undefined = undefined\n`,
  specifier => `export const a = await import('${specifier}')\n`,
]

interface Plant {
  readonly file: string
  readonly text: string
  readonly says: string
  readonly isForbidden: boolean
}

function plants(table: Readonly<Record<string, readonly string[]>>, isForbidden: boolean): Plant[] {
  return Object.entries(table).flatMap(([file, specifiers]) =>
    specifiers.flatMap((specifier, index) =>
      ways.map((write, way) => ({
        file: file.replace(/\.ts$/, `-${index}-${way}.ts`),
        text: write(specifier),
        says: `${file}: ${write(specifier).split('\n')[0]}`,
        isForbidden,
      })),
    ),
  )
}

/** Files in which the linter found an import it refuses. */
async function lint(root: string): Promise<ReadonlySet<string>> {
  const biome = join(import.meta.dirname, '../node_modules/.bin/biome')
  const args = [
    'lint',
    '--only=style/noRestrictedImports',
    '--reporter=json',
    '--max-diagnostics=none',
    'src',
    'image',
    'deb',
  ]
  const run = promisify(execFile)(biome, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 })
  // It exits with 1 when it finds something, which it must.
  const { stdout } = await run.catch((error: { stdout: string }) => error)
  const report = JSON.parse(stdout) as { diagnostics: { location: { path: string } }[] }
  return new Set(report.diagnostics.map(({ location }) => location.path))
}

const root = await mkdtemp(join(tmpdir(), 'layers-'))
try {
  await cp(join(import.meta.dirname, '../biome.json'), join(root, 'biome.json'))
  const all = [...plants(forbidden, true), ...plants(allowed, false)]
  for (const { file, text } of all) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  const refused = await lint(root)
  const wrong = all.filter(({ file, isForbidden }) => refused.has(file) !== isForbidden)
  for (const { says, isForbidden } of wrong) {
    process.stderr.write(
      `${isForbidden ? 'passes and must not' : 'is refused and must not be'}: ${says}\n`,
    )
  }
  const planted = all.filter(({ isForbidden }) => isForbidden).length
  process.stdout.write(
    `${planted} violations planted, ${planted - wrong.filter(one => one.isForbidden).length} caught; ` +
      `${all.length - planted} proper imports, ${wrong.filter(one => !one.isForbidden).length} refused\n`,
  )
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  await rm(root, { recursive: true, force: true })
}
