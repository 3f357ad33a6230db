import type { Connection } from '@libp2p/interface'
import t from 'tap'
import { superfluous } from '../../../src/adapters/libp2p/links.ts'

const link = (name: string, direction: 'inbound' | 'outbound', key: string, openedMs: number) =>
  ({
    id: name,
    direction,
    encryption: `/holdfast/noise/1/${key}`,
    timeline: { open: openedMs },
  }) as Connection

const names = (isOursToKeep: boolean, ...links: Connection[]) =>
  superfluous(links, isOursToKeep, 'new').map(({ id }) => id)

t.test('a single connection stays, whoever dialled it', async t => {
  t.strictSame(names(true, link('a', 'outbound', 'old', 1)), [])
  t.strictSame(names(false, link('a', 'outbound', 'old', 1)), [])
  t.strictSame(names(false, link('a', 'inbound', 'old', 1)), [])
})

t.test('of two that crossed, only the node with the larger id closes what it dialled', async t => {
  const crossed = [link('ours', 'outbound', 'new', 1), link('theirs', 'inbound', 'new', 2)]
  t.strictSame(names(true, ...crossed), [])
  t.strictSame(names(false, ...crossed), ['ours'])
})

t.test('of several that we dialled the newest under the first key stays', async t => {
  const renewed = [link('a', 'outbound', 'new', 2), link('b', 'outbound', 'old', 1)]
  t.strictSame(names(false, ...renewed), ['b'])
  const three = [
    link('a', 'outbound', 'new', 1),
    link('b', 'outbound', 'new', 2),
    link('c', 'outbound', 'old', 3),
  ]
  t.strictSame(names(true, ...three), ['a', 'c'].toReversed().toSorted())
})

t.test('what others dialled is never ours to close', async t => {
  t.strictSame(names(true, link('a', 'inbound', 'old', 1), link('b', 'inbound', 'new', 2)), [])
})
