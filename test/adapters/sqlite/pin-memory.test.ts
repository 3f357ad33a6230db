import t from 'tap'
import { createPinMemory } from '../../../src/adapters/sqlite/pin-memory.ts'
import type { OpenedReader, Reader } from '../../../src/adapters/sqlite/reader.ts'
import { emptyKeyState } from '../../../src/ledger/key-state.ts'

/** A reader whose database counts its reads; `reopen` puts another in its place, `fail` lets it be unreadable. */
function countingReader() {
  let reads = 0
  let isFailing = false
  const open = () =>
    ({ keys: { readPins: () => ({ ...emptyKeyState, held: undefined, reads: ++reads }) } }) as never
  let opened: OpenedReader = open()
  const reader = {
    read: (query: (opened: OpenedReader) => unknown, otherwise: unknown) =>
      isFailing ? otherwise : query(opened),
  } as unknown as Reader
  return {
    reader,
    reads: () => reads,
    reopen: () => {
      opened = open()
    },
    fail: (failing: boolean) => {
      isFailing = failing
    },
  }
}

t.test('a key is read once, until it is told to have changed', async t => {
  const { reader, reads } = countingReader()
  const pins = createPinMemory(reader)
  const first = pins.read('a')
  t.equal(pins.read('a'), first)
  pins.read('b')
  t.equal(reads(), 2)
  pins.forget(['a'])
  t.not(pins.read('a'), first)
  pins.read('b')
  t.equal(reads(), 3)
})

t.test('another database is read anew', async t => {
  const { reader, reads, reopen } = countingReader()
  const pins = createPinMemory(reader)
  pins.read('a')
  reopen()
  pins.read('a')
  t.equal(reads(), 2)
})

t.test('what could not be read is not remembered', async t => {
  const { reader, reads, fail } = countingReader()
  const pins = createPinMemory(reader)
  fail(true)
  t.equal(pins.read('a'), emptyKeyState)
  fail(false)
  t.not(pins.read('a'), emptyKeyState)
  t.equal(reads(), 1)
})
