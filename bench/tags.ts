import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { HoldfastNode } from '../test/system/support/holdfast.ts'
import { atMost, type Figure } from './figure.ts'
import { anyKey, fillManyTags, longAgoMs, manyTags } from './many-tags.ts'
import { quantile } from './quantile.ts'
import { type Scene, startBenchNode } from './scene.ts'
import { timed } from './timed.ts'

const questions = 200
/** Asked before, and not counted: a node that has just started is busy with itself, and compiles. */
const warmups = 20
const pageTags = 100
const dayMs = 86_400_000

/** Of one question: how it is asked of Holdfast, and of the bare database. */
interface Question {
  readonly what: string
  readonly path: (after: string) => string
  readonly sql: string
  readonly aimMs: number
}

const columns = 'key, digest, media_type, size, source, wall_ms'
const observations = `SELECT ${columns} FROM record WHERE kind = 1 AND key > @after`
const ordered = `ORDER BY key LIMIT ${pageTags}`
/** Nothing is as old as that: all has to be gone through. */
const neverMs = longAgoMs - 60 * dayMs
const staleFor = (ms: number): number => Math.round((Date.now() - ms) / 1_000)

const asked: readonly Question[] = [
  {
    what: 'a page of all',
    path: after => `limit=${pageTags}&after=${after}`,
    sql: `${observations} ${ordered}`,
    aimMs: 20,
  },
  {
    what: 'a page of those of one prefix',
    path: after => `limit=${pageTags}&prefix=${after.slice(0, -3)}`,
    sql: `${observations} AND key < @after || '~' ${ordered}`,
    aimMs: 50,
  },
  {
    what: 'a page of those that were imported',
    path: after => `limit=${pageTags}&source=import&after=${after}`,
    sql: `${observations} AND source = 3 ${ordered}`,
    aimMs: 50,
  },
  {
    what: 'a page of those that were confirmed long ago',
    path: after =>
      `limit=${pageTags}&staleForSeconds=${staleFor(longAgoMs + dayMs)}&after=${after}`,
    sql: `${observations} AND wall_ms < ${longAgoMs + dayMs} ${ordered}`,
    aimMs: 50,
  },
  {
    what: 'a page of a search that finds nothing',
    path: after => `limit=${pageTags}&staleForSeconds=${staleFor(neverMs)}&after=${after}`,
    sql: `${observations} AND wall_ms < ${neverMs} ${ordered}`,
    aimMs: 50,
  },
]

/** Lists and searches among many tags over the admin API of a whole node, beside bare queries of the same database. */
export async function listTags(scene: Scene): Promise<readonly Figure[]> {
  const dataDir = join(scene.dir, 'node', 'data')
  scene.say(`filling ${manyTags} tags`)
  await fillManyTags(dataDir)
  const node = await startBenchNode(scene, 'node', 'http://127.0.0.1:9')
  const bare = new Database(join(dataDir, 'ledger.db'), { readonly: true })
  scene.owned.defer(() => void bare.close())
  const figures: Figure[] = []
  for (const question of asked) {
    scene.say(question.what)
    figures.push(await measure(node, bare, question))
  }
  scene.say('all of a search')
  return [...figures, await searchAll(node, bare)]
}

/** The slowest but one in a hundred, in turns with the bare query. */
async function measure(
  node: HoldfastNode,
  database: Database.Database,
  { what, path, sql, aimMs }: Question,
): Promise<Figure> {
  const query = database.prepare<[{ after: string }]>(sql)
  const ours: number[] = []
  const theirs: number[] = []
  for (let i = -warmups; i < questions; i++) {
    const after = anyKey()
    const own = await timed(() => node.ask(`/api/v1/tags?${path(encodeURIComponent(after))}`))
    const bare = await timed(async () => query.all({ after }))
    if (i < 0) continue
    ours.push(own)
    theirs.push(bare)
  }
  return {
    what: `${manyTags} tags: ${what}, p99`,
    value: quantile(ours, 0.99),
    unit: 'ms',
    peer: { name: 'a bare query of SQLite', value: quantile(theirs, 0.99) },
    aim: atMost(aimMs),
  }
}

/** Page by page to the end. */
async function searchAll(node: HoldfastNode, bare: Database.Database): Promise<Figure> {
  let pages = 0
  const ms = await timed(async () => {
    for (let after = ''; ; ) {
      const query = `staleForSeconds=${staleFor(neverMs)}&after=${encodeURIComponent(after)}`
      const { next, items } = await node.ask<{ next?: string; items: unknown[] }>(
        `/api/v1/tags?${query}`,
      )
      if (items.length > 0) throw new Error('a search that finds nothing found something')
      pages++
      if (next === undefined) return
      after = next
    }
  })
  const query = bare.prepare(`${observations} AND wall_ms < ${neverMs}`)
  return {
    what: `${manyTags} tags: a search through all, in ${pages} pages`,
    value: ms,
    unit: 'ms',
    peer: {
      name: 'a bare query of SQLite',
      value: await timed(async () => query.all({ after: '' })),
    },
  }
}
