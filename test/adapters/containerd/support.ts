import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { HashFile } from '../../../src/adapters/containerd/blob-access.ts'
import {
  type ContainerdOptions,
  openContainerd,
} from '../../../src/adapters/containerd/open-containerd.ts'
import { createHasher } from '../../../src/adapters/disk/hasher.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import type { NeighbourStatus, NeighbourStore } from '../../../src/ports/neighbour-store.ts'

/** A folder that goes with the test. */
export async function folderOf(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-ctrd-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** It looks often, and gives a containerd on a busy machine time to answer. */
const quick = { answerMs: 30_000, listMs: 30_000, checkEveryMs: 100, longestBackOffMs: 100 }

/** Follows the containerd behind a socket, until the test ends. */
export function follow(
  t: Test,
  socket: string,
  options: Partial<ContainerdOptions> = {},
  hashFile?: HashFile,
): NeighbourStore {
  const hasher = createHasher()
  t.teardown(() => hasher.close())
  const store = openContainerd(
    {
      hashFile: hashFile ?? ((path, of, size) => hasher.follow(path, of).finish(size)),
      beginHash: hasher.begin,
      clock: systemClock,
      log: silentLog,
    },
    { socket, namespace: 'k8s.io', ...quick, ...options },
  )
  t.teardown(() => store.close())
  return store
}

/** Waits, looking every few ms, until the check holds. */
export async function eventually(what: string, check: () => boolean): Promise<void> {
  const endMs = performance.now() + 20_000
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Waits until containerd is in this state. */
export async function reaches(
  store: NeighbourStore,
  state: NeighbourStatus['state'],
): Promise<NeighbourStatus> {
  await eventually(`${state}, not ${JSON.stringify(store.status())}`, () => {
    return store.status().state === state
  })
  return store.status()
}
