import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { makeDirectory, openIn } from '../adapters/sqlite/support.ts'
import { createSyncLab } from './support.ts'

/** A sync lab of so many nodes, each with a database of its own. */
export async function openSqliteLab(t: Test, count: number) {
  const lab = createSyncLab(1)
  const nodes = []
  for (let i = 0; i < count; i++) {
    const opened = await openIn(t, await makeDirectory(t), { clock: lab.clock })
    nodes.push({ ...opened, ...lab.add(opened.replication.origin, opened.records) })
  }
  // Before the databases close.
  t.teardown(lab.close)
  /** The writers' threads keep their own time. */
  async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = performance.now() + 30_000
    while (!(await isSo())) {
      if (performance.now() > endMs) throw new Error('it never was so')
      await lab.timers.pass(50)
      await wait(2)
    }
  }
  return { lab, nodes, until }
}
