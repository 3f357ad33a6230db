/**
 * Measures what the design promises, each figure beside a peer or a physical limit measured in the same run, and prints one table. A
 * figure that misses its aim is told and fails nothing.
 *
 *     node bench/run.ts [resolve freeze blob pull-through peer-blob gossip nodes mesh-pull spegel scale start sync import] [--write]
 *
 * `--write` also puts the table into docs/benchmarks.md.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { besideSpegel } from './beside-spegel.ts'
import { blobFromDisk } from './blob-from-disk.ts'
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
import { resolve } from './resolve.ts'
import type { Bench } from './scene.ts'
import { startToReady } from './start-to-ready.ts'
import { sync } from './sync.ts'

const benches: Readonly<Record<string, Bench>> = {
  resolve,
  freeze,
  blob: blobFromDisk,
  'pull-through': pullThrough,
  'peer-blob': peerBlob,
  gossip: meshGossip,
  nodes: meshNodes,
  'mesh-pull': meshPull,
  scale: meshScale,
  spegel: besideSpegel,
  start: startToReady,
  sync,
  import: importArchive,
}

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

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const gib = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} cores (${model}), ${gib} GiB, Linux, Node ${process.versions.node}`
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

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } },
})
const chosen = positionals.length > 0 ? positionals : Object.keys(benches)
const figures: Figure[] = []
for (const name of chosen) {
  const bench = benches[name]
  if (bench === undefined) {
    throw new Error(`no bench is named ${name}: there are ${Object.keys(benches).join(', ')}`)
  }
  try {
    figures.push(...(await run(name, bench)))
  } catch (error) {
    say(`${name} could not be measured: ${error instanceof Error ? error.stack : error}`)
    process.exitCode = 1
  }
}
const text = `${machine()}\n\n${printTable(figures)}`
process.stdout.write(`\n${text}\n`)
if (values.write && process.exitCode === undefined) await write(text)
