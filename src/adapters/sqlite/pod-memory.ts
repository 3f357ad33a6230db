import type { Digest } from '../../oci/digest.ts'
import { containerKey, type PodMemory, type RememberedContainer } from '../../ports/pod-memory.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { PodChange } from './writer-protocol.ts'
import type { WriterThread } from './writer-thread.ts'

/** What ran on this node, in its database. */
export function createPodMemory({
  reader,
  writer,
}: {
  readonly reader: Reader
  readonly writer: WriterThread
}): PodMemory {
  return {
    load: () => reader.read(({ db }) => load(db), []),
    async write(change) {
      await writer.submit({ type: 'pods', change })
    },
  }
}

interface Row extends Omit<RememberedContainer, 'images' | 'digest'> {
  readonly images: string
  readonly digest: Digest | null
}

function load(db: Connection): readonly RememberedContainer[] {
  return db
    .prepare<[], Row>(
      `SELECT namespace, pod, container, images, digest, first_ms AS firstMs, last_ms AS lastMs, unseen_ms AS unseenMs
       FROM pod_container`,
    )
    .all()
    .map(({ images, digest, ...row }) => ({
      ...row,
      images: JSON.parse(images),
      digest: digest ?? undefined,
    }))
}

/** Writes changes; call inside a transaction. */
export function createPodWriter(db: Connection): (change: PodChange) => void {
  const put = db.prepare(
    `INSERT OR REPLACE INTO pod_container (key, namespace, pod, container, images, digest, first_ms, last_ms, unseen_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const forget = db.prepare('DELETE FROM pod_container WHERE key = ?')
  return change => {
    for (const key of change.forgotten) forget.run(key)
    for (const one of change.put) {
      put.run(
        containerKey(one),
        one.namespace,
        one.pod,
        one.container,
        JSON.stringify(one.images),
        one.digest ?? null,
        Math.round(one.firstMs),
        Math.round(one.lastMs),
        Math.round(one.unseenMs),
      )
    }
  }
}
