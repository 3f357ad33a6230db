import t from 'tap'
import { testContentStore } from '../ports/content-store.suite.ts'
import { createMemoryStore } from './memory-store.ts'

testContentStore(t, async (_, limits) => {
  const store = createMemoryStore(limits)
  return { store, damage: async digest => store.damage(digest) }
})
