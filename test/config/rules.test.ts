import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { compileIsPrivate, compileTagSettings } from '../../src/config/rules.ts'

async function configure(tree: Record<string, unknown>) {
  const env = Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [`HOLDFAST_${name}`, JSON.stringify(value)]),
  )
  const { config, faults } = await loadConfig({
    file: undefined,
    env,
    flags: [],
    isTerminal: false,
  })
  if (config === undefined) throw new Error(JSON.stringify(faults))
  return config
}

const nginx = { registry: 'docker.io', repository: 'library/nginx', tag: 'latest' }
const web = { registry: 'ghcr.io', repository: 'acme/web', tag: 'v1' }

t.test('without rules the defaults hold', async t => {
  const settingsOf = compileTagSettings(await configure({}))
  t.strictSame(settingsOf(nginx), {
    freshForMs: 0,
    policies: { unreachable: 'serve', rateLimited: 'serve', denied: 'deny', notFound: 'deny' },
    newestInRepository: false,
  })
  t.equal(settingsOf(nginx), settingsOf({ ...nginx }), 'what was worked out is remembered')
})

t.test('a rule is laid over its upstream, and that over the defaults', async t => {
  const config = await configure({
    UPSTREAMS: {
      'ghcr.io': { policies: { denied: 'serve', notFound: 'serve' } },
      '*': { policies: { rateLimited: 'deny' } },
    },
    RESOLVE__RULES: [
      { match: 'ghcr.io/acme/**:v1', freshForMs: 5000, onFailure: { notFound: 'deny' } },
    ],
    RESOLVE__ON_FAILURE: { unreachable: 'deny' },
  })
  const settingsOf = compileTagSettings(config)
  t.strictSame(settingsOf(web), {
    freshForMs: 5000,
    policies: { unreachable: 'deny', rateLimited: 'serve', denied: 'serve', notFound: 'deny' },
    newestInRepository: false,
  })
  t.match(settingsOf({ ...web, tag: 'v2' }), { freshForMs: 0, policies: { notFound: 'serve' } })
  t.match(
    settingsOf(nginx).policies,
    { rateLimited: 'deny' },
    'the upstream * stands for all others',
  )
})

t.test('the first rule that matches decides alone', async t => {
  const settingsOf = compileTagSettings(
    await configure({
      RESOLVE__RULES: [
        { match: 'docker.io/library/nginx', newestInRepository: true },
        { match: 'docker.io/**', freshForMs: 9, newestInRepository: false },
      ],
    }),
  )
  t.match(settingsOf(nginx), { freshForMs: 0, newestInRepository: true })
  t.match(settingsOf({ ...nginx, repository: 'library/redis' }), { freshForMs: 9 })
})

t.test('a repository is private by the first rule that says so, whatever the tag', async t => {
  const isPrivate = compileIsPrivate(
    await configure({
      RESOLVE__RULES: [
        { match: 'ghcr.io/acme/**:latest', freshForMs: 5 },
        { match: 'ghcr.io/acme/public', private: 'serve' },
        { match: 'ghcr.io/acme/**:v1', private: 'deny' },
      ],
    }),
  )
  t.ok(isPrivate(web))
  t.notOk(isPrivate({ registry: 'ghcr.io', repository: 'acme/public' }))
  t.notOk(isPrivate(nginx))
})
