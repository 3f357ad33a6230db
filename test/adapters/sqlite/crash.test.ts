import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/ports/clock.ts'
import { image, keyOf } from '../../ports/tag-ledger.support.ts'
import { plainly } from '../../support/plainly.ts'
import { makeDirectory, messages, openIn } from './support.ts'

const rounds = 20

/** The highest number acknowledged of each thing. */
interface Acknowledged {
  /** By tag and kind: `tag t3`, `pin t3`, `keep t3`. */
  readonly newest: Map<string, number>
  set: number
  next: number
}

const child = join(import.meta.dirname, 'writing-child.ts')

/** Lets a child write until it acknowledged `lines` lines, kills it, and notes all that it said. */
async function writeAndDie(dataDir: string, acknowledged: Acknowledged, lines: number) {
  const [command, ...words] = [...plainly, process.execPath, child, dataDir, `${acknowledged.next}`]
  const process_ = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(process_, 'exit')
  let heard = 0
  for await (const line of createInterface({ input: stdoutOf(process_) })) {
    note(acknowledged, line)
    if (++heard === lines) process_.kill('SIGKILL')
  }
  const [, signal] = await exited
  return { signal, heard }
}

function stdoutOf({ stdout }: ChildProcess) {
  if (stdout === null) throw new Error('no standard output')
  return stdout
}

function note(acknowledged: Acknowledged, line: string): void {
  const [what, number] = line.split(' ')
  const n = Number(number)
  if (what === 'set') acknowledged.set = Math.max(acknowledged.set, n)
  if (what !== 'tag' && what !== 'pin' && what !== 'keep') return
  acknowledged.newest.set(`${what} t${n % 50}`, n)
  acknowledged.next = Math.max(acknowledged.next, n + 1)
}

/** What the database has must be what was acknowledged, or a later write that nobody heard of. */
async function check(t: Test, dataDir: string, acknowledged: Acknowledged, recovered: string) {
  const opened = await openIn(t, dataDir, { clock: systemClock })
  t.equal(opened.recovered, recovered)
  const isKept = (digest: string | undefined, n: number) =>
    Array.from({ length: 40 }, (_, i) => image(`${n + i * 50}`).digest).some(d => d === digest)
  for (const [name, n] of acknowledged.newest) {
    const [what, tag = ''] = name.split(' ')
    if (what === 'keep') {
      const keep = opened.keeps.list().find(({ pattern }) => pattern === `a.lan/${tag}`)
      if (!(Number(keep?.note) >= n)) t.fail(`${name} was acknowledged at ${n} and is lost`)
      continue
    }
    const key = keyOf('docker.io', 'library/crash', tag)
    const digest = what === 'tag' ? opened.ledger.live(key)?.digest : opened.ledger.pin(key)?.digest
    if (!isKept(digest, n)) t.fail(`${name} was acknowledged at ${n} and is lost`)
  }
  t.ok(Number(opened.settings.get('n') ?? 0) >= acknowledged.set, 'the setting is kept')
  await opened.close()
  return opened
}

t.test('kill -9 at any instant loses nothing that was acknowledged', async t => {
  const dataDir = await makeDirectory(t)
  const acknowledged: Acknowledged = { newest: new Map(), set: 0, next: 0 }
  for (let round = 0; round < rounds; round++) {
    const lines = round === 0 ? 1 : 1 + Math.floor(Math.random() * 400)
    const { signal, heard } = await writeAndDie(dataDir, acknowledged, lines)
    t.equal(signal, 'SIGKILL', 'the fault fired')
    t.ok(heard >= lines)
    const { lines: said } = await check(t, dataDir, acknowledged, 'ok')
    t.strictSame(messages(said, 'error'), [])
    const db = new Database(join(dataDir, 'ledger.db'), { readonly: true })
    t.equal(db.pragma('integrity_check', { simple: true }), 'ok')
    db.close()
  }
  t.ok(acknowledged.next > rounds, 'it did write')
  t.ok(acknowledged.set > 0)

  t.test('and with the database gone too, no pin and no keep', async t => {
    const words = new Map([...acknowledged.newest].filter(([name]) => !name.startsWith('tag')))
    for (const what of ['pin', 'keep']) t.ok([...words.keys()].some(name => name.startsWith(what)))
    for (const name of ['ledger.db', 'ledger.db-wal', 'ledger.db-shm', 'snapshots']) {
      await rm(join(dataDir, name), { recursive: true, force: true })
    }
    await check(t, dataDir, { newest: words, set: 0, next: 0 }, 'rebuilt')
  })
})
