import t from 'tap'
import { reachedOf } from '../../src/daemon/mesh-facts.ts'

const endpoint = (registry: string, state: 'closed' | 'open' | 'half-open' = 'closed') => ({
  registry,
  state,
})

t.test('a registry is reached as long as one of its endpoints is not known to be down', async t => {
  const endpoints = [endpoint('b.test'), endpoint('a.test', 'open'), endpoint('a.test')]
  t.strictSame(reachedOf(endpoints, false), ['a.test', 'b.test'])
  t.strictSame(reachedOf([endpoint('a.test', 'half-open')], false), [])
})

t.test('who may ask any registry says so before the first question', async t => {
  t.strictSame(reachedOf([], true), ['*'])
  t.strictSame(reachedOf([endpoint('a.test')], true), ['*', 'a.test'])
  t.strictSame(reachedOf([], false), [])
})

t.test('but not while one is known to be down', async t => {
  t.strictSame(reachedOf([endpoint('a.test', 'open'), endpoint('b.test')], true), ['b.test'])
})
