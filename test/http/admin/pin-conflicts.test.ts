import t from 'tap'
import { conflictsOf, isContradicted } from '../../../src/http/admin/pin-conflicts.ts'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import type { PinEvent } from '../../../src/ports/pin-book.ts'

const digests: Record<string, Digest> = {
  a: digestOf(Buffer.from('a')),
  b: digestOf(Buffer.from('b')),
}
const said = (
  atMs: number,
  origin: string,
  isConflict = false,
  digest = digests[origin],
): PinEvent => ({
  atMs,
  origin,
  digest,
  note: undefined,
  author: undefined,
  expiresAtMs: undefined,
  isConflict,
})
const timesOf = (history: readonly PinEvent[]) =>
  conflictsOf(history).map(others => others.map(({ atMs }) => atMs))

t.test('both sides of a conflict are told of it', async t => {
  t.strictSame(timesOf([said(2, 'a', true), said(1, 'b')]), [[1], [2]])
  t.strictSame(timesOf([said(2, 'a'), said(1, 'b')]), [[], []])
})

t.test('a conflict is with the newest word of another node, not with its own', async t => {
  const history = [said(4, 'a', true), said(3, 'a', true), said(2, 'b'), said(1, 'b')]
  t.strictSame(timesOf(history), [[2], [2], [4, 3], []])
})

t.test('one whose other side is forgotten stands alone', async t => {
  t.strictSame(timesOf([said(2, 'a', true), said(1, 'a')]), [[], []])
})

t.test('who said the same digest contradicts nobody', async t => {
  const same = [said(2, 'a', true), said(1, 'b', false, digests['a'])]
  t.strictSame(timesOf(same), [[], []])
  t.notOk(isContradicted(same, conflictsOf(same), 0))
  const other = [said(2, 'a', true), said(1, 'b')]
  t.ok([0, 1].every(at => isContradicted(other, conflictsOf(other), at)))
  const alone = [said(2, 'a', true)]
  t.ok(isContradicted(alone, conflictsOf(alone), 0), 'the other side is not remembered')
})
