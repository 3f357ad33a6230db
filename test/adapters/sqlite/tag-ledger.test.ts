import t from 'tap'
import { testTagLedger } from '../../ports/tag-ledger.suite.ts'
import { makeDirectory, openIn } from './support.ts'

testTagLedger(t, async (t, clock) => (await openIn(t, await makeDirectory(t), { clock })).ledger)
