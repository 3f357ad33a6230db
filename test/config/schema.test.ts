import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'

t.test('a file with every key at its default is accepted and changes nothing', async t => {
  const path = join(import.meta.dirname, '../fixtures/config/every-key.yaml')
  const origin = { kind: 'flag', name: '--config' } as const
  const loaded = await loadConfig({ file: { path, origin }, env: {}, flags: [], isTerminal: false })
  const defaults = await loadConfig({
    file: undefined,
    env: { HOLDFAST_PLATFORMS: '["linux/amd64"]' },
    flags: [],
    isTerminal: false,
  })
  t.strictSame(loaded.faults, [])
  t.strictSame(loaded.config, defaults.config)
})
