import { readdir, stat } from 'node:fs/promises'
import { availableParallelism, freemem, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { type DiagnosticPart, describeResolutions } from '../http/admin/diagnostics.ts'
import type { FaceParts } from './faces.ts'

/** Answers in a bundle: the newest. */
const resolutions = 1_000

/** What only a bundle for support has of this node. No file of its data directory is read: keys and tokens lie there. */
export function wireDiagnostics(
  { dataDir }: Pick<Config, 'dataDir'>,
  parts: Pick<FaceParts, 'database' | 'metrics' | 'recentLines' | 'version'>,
): readonly DiagnosticPart[] {
  const { database, metrics, recentLines, version } = parts
  return [
    {
      name: 'resolutions.json',
      what: 'what was answered for tags lately',
      read: () => describeResolutions(database.resolutions.find({ limit: resolutions })),
    },
    {
      name: 'versions.json',
      what: 'versions, and the machine',
      read: () => tellMachine(version, database.recovered),
    },
    {
      name: 'files.json',
      what: 'files of its data directory, their sizes',
      read: () => sizesIn(dataDir),
    },
    {
      name: 'metrics.txt',
      what: 'its metrics',
      read: async () => (await metrics.expose()).text,
    },
    {
      name: 'log.jsonl',
      what: 'the last lines of its log',
      read: () =>
        recentLines()
          .map(line => `${line}\n`)
          .join(''),
    },
  ]
}

function tellMachine(version: string, recovered: string): object {
  return {
    holdfast: version,
    database: recovered,
    versions: process.versions,
    platform: `${process.platform}/${process.arch}`,
    kernel: release(),
    cores: availableParallelism(),
    load: loadavg(),
    memory: { totalBytes: totalmem(), freeBytes: freemem(), process: process.memoryUsage() },
    upSeconds: Math.round(process.uptime()),
  }
}

async function sizesIn(dir: string): Promise<readonly object[]> {
  const entries = await readdir(dir, { withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  return Promise.all(
    files.map(async ({ name }) => {
      const { size, mtime } = await stat(join(dir, name))
      return { name, bytes: size, changedAt: mtime.toISOString() }
    }),
  )
}
