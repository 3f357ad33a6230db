import t from 'tap'
import { makeJob, openRunner } from './warm-runner.support.ts'

const settleMs = 7_000

t.test('a registry that comes and goes holds up nothing of another', async t => {
  const job = makeJob({ images: ['a.test/app:v1', 'b.test/app:v1'] })
  const { runner, asked, pass, recover, arrive } = openRunner([job], { settleMs })
  for (let passed = 0; passed < settleMs; passed += 500) {
    await pass(500)
    recover('b.test')
  }
  t.strictSame(asked, ['a.test'], 'as soon as it had its turn after the start')
  await arrive('a.test')
  t.match(runner.share('night')?.images, [{ state: 'done' }, { state: 'pending' }])
  await runner.close()
})

t.test('a registry that comes and goes is fetched from all the same', async t => {
  const { runner, asked, pass, recover, arrive } = openRunner([makeJob()], { settleMs })
  for (let passed = 0; passed < 2 * settleMs; passed += 500) {
    recover('a.test')
    await pass(500)
  }
  t.strictSame(asked, ['a.test'], 'it was held once, and then let go on')
  await arrive('a.test')
  t.equal(runner.share('night')?.state, 'ended')
  await runner.close()
})

t.test('a registry that comes back later holds again what is under way from it', async t => {
  const { runner, asked, pass, recover } = openRunner([makeJob()], { settleMs })
  await pass(settleMs)
  recover('a.test', false)
  await pass(1)
  t.equal(asked.length, 1, 'one repository alone holds nothing')
  for (const held of [1, 2]) {
    recover('a.test')
    await pass(settleMs - 1)
    t.equal(asked.length, held, 'until its turn comes')
    await pass(settleMs + 1)
    t.equal(asked.length, held + 1)
  }
  await runner.close()
})
