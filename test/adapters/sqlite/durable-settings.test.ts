import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createDurableSettings } from '../../../src/adapters/sqlite/durable-settings.ts'
import { keepLog } from '../../http/support.ts'

t.test('what was set is there after a restart, and nothing else is left behind', async t => {
  const file = join(t.testdir({}), 'node-settings.json')
  const { log, lines } = keepLog()
  const first = createDurableSettings(file, log)
  t.equal(first.get('mode'), undefined)
  await first.set('mode', '{"mode":"offline"}')
  await first.set('other', 'x')
  t.equal(first.get('mode'), '{"mode":"offline"}')
  const again = createDurableSettings(file, log)
  t.equal(again.get('mode'), '{"mode":"offline"}')
  t.equal(again.get('other'), 'x')
  t.equal(again.get('__proto__'), undefined)
  t.strictSame(readdirSync(join(file, '..')), ['node-settings.json'])
  t.strictSame(lines, [])
})

t.test('a file that is damaged is told, and counts as nothing', async t => {
  const file = join(t.testdir({ 'node-settings.json': '{"mode":' }), 'node-settings.json')
  const { log, lines } = keepLog()
  const settings = createDurableSettings(file, log)
  t.equal(settings.get('mode'), undefined)
  t.match(lines, [{ level: 'error', fields: { file } }])
  for (const text of ['null', '[]', '5', '{"mode":{}}']) {
    writeFileSync(file, text)
    t.equal(createDurableSettings(file, log).get('mode'), undefined, text)
  }
  await settings.set('mode', 'x')
  t.match(readFileSync(file, 'utf8'), '"mode": "x"')
})

t.test('what cannot be written changes nothing', async t => {
  const dir = t.testdir({ deep: {} })
  const file = join(dir, 'none', 'node-settings.json')
  const settings = createDurableSettings(file, keepLog().log)
  await t.rejects(settings.set('mode', 'x'), { code: 'ledger-unusable' })
  t.equal(settings.get('mode'), undefined)
})
