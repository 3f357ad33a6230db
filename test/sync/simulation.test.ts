import t from 'tap'
import { simulate } from './simulation.ts'

/** Others can be tried: `SIM_SEEDS=100 SIM_FIRST=1 node test/sync/simulation.test.ts`. */
const count = Number(process.env['SIM_SEEDS'] ?? 2)
const first = Number(process.env['SIM_FIRST'] ?? 1 + Math.floor(Math.random() * 1e6))

for (let seed = first; seed < first + count; seed++) {
  t.test(
    `30 replicas agree with one plain merge after every fault at once, seed ${seed}`,
    async t => {
      const report = await simulate(seed)
      t.comment(JSON.stringify(report))
      t.strictSame(report.faults, [])
      t.ok(report.messages > 50, 'they gossiped')
      t.ok(report.rounds > 100, 'they compared')
      t.ok(report.pins > 0 && report.excluded > 0 && report.rolledBack > 0 && report.ahead > 0)
    },
  )
}
