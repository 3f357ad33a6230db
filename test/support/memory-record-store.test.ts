import t from 'tap'
import { liveRecord } from '../../src/ledger/key-state.ts'
import { believeUntil } from '../../src/ledger/trusted-time.ts'
import { formatTag } from '../../src/oci/reference.ts'
import { testRecordStore } from '../ports/record-store.suite.ts'
import { image, nginx } from '../ports/tag-ledger.support.ts'
import { createMemoryRecordStore } from './memory-record-store.ts'

const key = formatTag(nginx)
const believeAll = { isBanned: () => false, isBlocked: () => false }

testRecordStore(t, async (_, clock) => {
  const store = createMemoryRecordStore({ clock })
  return {
    store,
    origin: store.origin,
    async observe(name, dateMs) {
      store.learn(dateMs)
      store.operate(key, {
        type: 'upstream',
        target: image(name),
        asked: liveRecord(store.state(key), believeAll)?.stamp,
        isLate: false,
        wallMs: dateMs,
        atMs: store.time.nowMs(),
        believeUntilMs: believeUntil(store.time),
      })
    },
    setOperators: store.setOperators,
    live() {
      const digest = liveRecord(store.state(key), believeAll)?.target.digest
      return ['a', 'b', 'c'].find(name => image(name).digest === digest)
    },
    ageOut: async () => store.ageOut(),
  }
})
