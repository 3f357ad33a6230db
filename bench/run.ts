/**
 * Measures what the design promises, each figure beside a peer or a physical limit measured in the same run, and prints one table. A
 * figure that misses its aim is told and fails nothing.
 *
 *     node bench/run.ts [NAME…] [--write]
 *
 * `--help` names them; `--write` also puts the table into docs/benchmarks.md.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { adminBesideMirror } from './admin.ts'
import { besideSpegel } from './beside-spegel.ts'
import { blobFromDisk } from './blob-from-disk.ts'
import { podsOnCluster } from './cluster.ts'
import { besideContainerd } from './containerd.ts'
import { criPull } from './cri-pull.ts'
import type { Figure } from './figure.ts'
import { freeze } from './freeze.ts'
import { importArchive } from './import.ts'
import { meshGossip } from './mesh-gossip.ts'
import { meshNodes } from './mesh-nodes.ts'
import { meshPull } from './mesh-pull.ts'
import { meshScale } from './mesh-scale.ts'
import { peerBlob } from './peer-blob.ts'
import { printTable } from './print-table.ts'
import { pullThrough } from './pull-through.ts'
import { report } from './report.ts'
import { resolve } from './resolve.ts'
import type { Bench } from './scene.ts'
import { startToReady } from './start-to-ready.ts'
import { sync } from './sync.ts'
import { listTags } from './tags.ts'

const benches: Readonly<Record<string, readonly [Bench, string]>> = {
  resolve: [resolve, 'one known tag, beside docker-registry and a bare route'],
  freeze: [freeze, 'upstream accepts connections and answers nothing any more'],
  blob: [blobFromDisk, 'a layer of 200 MB that is held'],
  'pull-through': [pullThrough, 'a layer of 200 MB that is not held'],
  'peer-blob': [peerBlob, 'a layer of 200 MB by the peer port alone, beside bare mutual TLS'],
  gossip: [meshGossip, 'from one word to all ears, 20 and 50 nodes over libp2p'],
  nodes: [meshNodes, 'meshes of whole processes: memory, processor, who knows what when'],
  'mesh-pull': [meshPull, 'images of 200 MB through a mesh of whole processes'],
  'cri-pull': [criPull, 'what containerd pulls of another node, beside docker-registry (root)'],
  cluster: [
    podsOnCluster,
    'pods of a real Kubernetes, beside the same without Holdfast (root, as npm run test:cluster)',
  ],
  scale: [meshScale, 'what a node costs among 3, 20 and 100 (BENCH_SIZES), all in one process'],
  spegel: [besideSpegel, 'beside Spegel, two containerds (root, spegel on the PATH)'],
  report: [report, 'whether 200 images would start without a registry, asked of three nodes'],
  start: [startToReady, 'from the start to the first answer; resident memory at rest'],
  admin: [
    adminBesideMirror,
    'what the mirror takes while operators ask the admin API, with 100 000 tags',
  ],
  tags: [listTags, '100 000 tags listed and searched, beside bare queries of the database'],
  sync: [sync, 'a joiner that lacks 100 000 tags; two equal nodes'],
  import: [importArchive, 'an archive of 1 GB, beside containerd (root)'],
  containerd: [
    besideContainerd,
    'what a containerd on the node holds, and how soon others know (root)',
  ],
}

const help = `npm run bench -- [NAME…] [--write]

Measures, each figure beside a peer or a limit of the machine in the same run, and prints
one table. Without a name: all of them, which takes long and wants the machine for itself.

${Object.entries(benches)
  .map(([name, [, what]]) => `  ${name.padEnd(13)}${what}`)
  .join('\n')}

  --write      also put the table into docs/benchmarks.md
  --help       this
`

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

async function run(name: string, bench: Bench): Promise<readonly Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  try {
    await using owned = new AsyncDisposableStack()
    say(`${name}:`)
    return await bench({ dir, owned, say: text => say(`  ${text}`) })
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Where and when this was measured, and of what. */
function occasion(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const gib = Math.round(totalmem() / 2 ** 30)
  const machine = `${availableParallelism()} cores (${model}), ${gib} GiB, Linux, Node ${process.versions.node}`
  const git = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: import.meta.dirname })
  const commit = git.status === 0 ? `commit ${git.stdout.toString().trim()}` : 'no commit'
  return `${machine}; ${new Date().toISOString().slice(0, 10)}, ${commit}`
}

const measured = /(<!-- measured -->\n)[\s\S]*(<!-- \/measured -->)/

async function write(text: string): Promise<void> {
  const file = join(import.meta.dirname, '..', 'docs', 'benchmarks.md')
  const page = await readFile(file, 'utf8')
  await writeFile(
    file,
    page.replace(measured, (_, from, to) => `${from}\n${text}\n\n${to}`),
  )
}

function readCommandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const unknown = positionals.find(name => benches[name] === undefined)
    if (unknown === undefined) return { ...values, names: positionals }
    say(`no bench is named ${unknown}: there are ${Object.keys(benches).join(', ')}`)
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
  }
  say('npm run bench -- --help')
  process.exit(2)
}

const chosen = readCommandLine()
if (chosen.help) {
  process.stdout.write(help)
  process.exit()
}
const figures: Figure[] = []
for (const [name, [bench]] of Object.entries(benches)) {
  if (chosen.names.length > 0 && !chosen.names.includes(name)) continue
  try {
    figures.push(...(await run(name, bench)))
  } catch (error) {
    say(`${name} could not be measured: ${error instanceof Error ? error.stack : error}`)
    process.exitCode = 1
  }
}
const text = `${occasion()}\n\n${printTable(figures)}`
process.stdout.write(`\n${text}\n`)
if (chosen.write && process.exitCode === undefined) await write(text)
