import t from 'tap'
import { testTagLedger } from '../ports/tag-ledger.suite.ts'
import { createMemoryLedger } from './memory-ledger.ts'

testTagLedger(t, async (_, clock) => createMemoryLedger({ clock }))
