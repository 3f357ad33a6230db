import { open } from 'node:fs/promises'
import t from 'tap'
import { openDiskStore } from '../../../src/adapters/disk/open-disk-store.ts'
import { digestAlgorithm, digestHex } from '../../../src/oci/digest.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { testContentStore } from '../../ports/content-store.suite.ts'

testContentStore(t, async (t, limits) => {
  const dir = t.testdir()
  const store = await openDiskStore({ dir, log: silentLog, minFreeBytes: 0, ...limits })
  t.teardown(() => store.close())
  return {
    store,
    async damage(digest) {
      const file = await open(`${dir}/${digestAlgorithm(digest)}/${digestHex(digest)}`, 'r+')
      await file.write(Buffer.from('damage'), 0, 6, 0)
      await file.close()
    },
  }
})
