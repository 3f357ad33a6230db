import type { Connection } from '@libp2p/interface'
import t from 'tap'
import { keptOf } from '../../../src/adapters/libp2p/links.ts'

const link = (id: string, direction: 'inbound' | 'outbound', openedMs: number) =>
  ({ id, direction, timeline: { open: openedMs } }) as Connection

const kept = (isSelfSmaller: boolean, ...links: Connection[]) => keptOf(links, isSelfSmaller)?.id

t.test('a single connection stays, whoever dialled it; of none, none', async t => {
  t.equal(kept(true, link('a', 'outbound', 1)), 'a')
  t.equal(kept(true, link('a', 'inbound', 1)), 'a')
  t.equal(kept(false, link('a', 'outbound', 1)), 'a')
  t.equal(kept(false), undefined)
})

t.test('of two that crossed, both sides keep what the smaller id dialled', async t => {
  t.equal(kept(true, link('a', 'outbound', 1), link('b', 'inbound', 2)), 'a')
  t.equal(kept(false, link('a', 'inbound', 1), link('b', 'outbound', 2)), 'a')
})

t.test('of several in one direction the newest stays', async t => {
  t.equal(kept(true, link('a', 'inbound', 1), link('b', 'inbound', 2)), 'b')
  t.equal(kept(false, link('a', 'outbound', 2), link('b', 'outbound', 1)), 'a')
})
