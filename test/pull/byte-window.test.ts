import t from 'tap'
import { createByteWindow } from '../../src/pull/byte-window.ts'
import { assertReads } from './byte-run.suite.ts'

t.test('a window reads what was pushed and not trimmed, however it came', async t => {
  const create = (base: number) => {
    const run = createByteWindow(base)
    const push = (bytes: Uint8Array): Uint8Array => {
      run.push(bytes)
      return bytes
    }
    return { run, push }
  }
  t.doesNotThrow(() => assertReads(create))
})
