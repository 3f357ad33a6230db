import t from 'tap'
import { formatFault } from '../../src/config/faults.ts'
import { loadConfig } from '../../src/config/load.ts'

async function faultsOf(upstreams: Record<string, unknown>, more: Record<string, string> = {}) {
  const env = { HOLDFAST_UPSTREAMS: JSON.stringify(upstreams), ...more }
  const { config, faults } = await loadConfig({
    file: undefined,
    env,
    flags: [],
    isTerminal: false,
  })
  return {
    config,
    told: faults.map(formatFault).map(text => text.replace('HOLDFAST_UPSTREAMS: ', '')),
  }
}

t.test('names of registries become canonical', async t => {
  const { config } = await faultsOf({
    'index.docker.io': {},
    'Reg.LAN:5000': {},
    localhost: {},
    '*': {},
  })
  t.strictSame(Object.keys(config?.upstreams ?? {}), [
    'docker.io',
    'reg.lan:5000',
    'localhost',
    '*',
  ])
})

t.test('a name that is none, or is there twice, is told', async t => {
  const { told } = await faultsOf({
    'https://quay.io': {},
    'ghcr.io/acme': {},
    myregistry: {},
    'docker.io': {},
    'registry-1.docker.io': {},
  })
  t.strictSame(told, [
    'upstreams["https://quay.io"] is no name of a registry\n    write quay.io',
    'upstreams["ghcr.io/acme"] is no name of a registry\n    write ghcr.io',
    'upstreams.myregistry is no name of a registry\n    write a host as in docker.io or registry.lan:5000',
    'upstreams["registry-1.docker.io"] is the same registry as docker.io (docker.io)\n    keep one of them',
  ])
})

t.test('credentials go together, and not into URLs', async t => {
  const { told } = await faultsOf({
    'a.lan': { auth: { username: 'u' } },
    'b.lan': { auth: { password: 'p' } },
    'c.lan': { auth: { username: 'u', password: 'p', tokenFile: '/t' } },
    'd.lan': { url: 'https://u:p@d.lan' },
    'e.lan': { endpoints: ['https://x.lan', { url: 'https://y.lan', tls: { certFile: '/c' } }] },
  })
  t.strictSame(told, [
    'upstreams["d.lan"].url: "***@d.lan" carries credentials\n    write them under auth: { username, passwordFile }',
    'upstreams["a.lan"].auth has a username and no password\n    username goes with password or passwordFile',
    'upstreams["b.lan"].auth has a password and no username\n    username goes with password or passwordFile',
    'upstreams["c.lan"].auth has more than one of password, passwordFile, token and tokenFile\n    keep one of them',
    'upstreams["e.lan"].endpoints[1].tls has no keyFile\n    certFile and keyFile go together',
  ])
})

t.test('rewrites compile and realms are hosts', async t => {
  const { told } = await faultsOf({
    'a.lan': {
      rewrite: { '^(x': 'y', '^ok/(.*)$': '$1' },
      realms: ['auth.lan:8443', 'https://auth.lan'],
    },
  })
  t.strictSame(told, [
    `upstreams["a.lan"].rewrite["^(x"] is no regular expression\n    write as in '^library/(.*)': 'mirror/$1'`,
    'upstreams["a.lan"].realms[1]: "https://auth.lan" is no host\n    write auth.example.com or auth.example.com:8443',
  ])
})

t.test('endpoints are URLs or mappings and inherit nothing', async t => {
  const { config } = await faultsOf({
    'a.lan': {
      auth: { username: 'u', password: 'p' },
      endpoints: ['http://m.lan/', { url: 'https://n.lan/prefix', proxy: '' }],
    },
  })
  t.strictSame(config?.upstreams['a.lan']?.endpoints, [
    { url: 'http://m.lan', auth: undefined, tls: undefined, proxy: undefined },
    { url: 'https://n.lan/prefix', auth: undefined, tls: undefined, proxy: '' },
  ])
})

t.test('the default upstream must be one of them when it is written', async t => {
  const upstreams = { 'quay.io': {} }
  const name = 'HOLDFAST_MIRROR__DEFAULT_UPSTREAM'
  t.strictSame((await faultsOf(upstreams)).told, [])
  t.strictSame((await faultsOf(upstreams, { [name]: 'quay.io' })).told, [])
  t.strictSame((await faultsOf({ '*': {} }, { [name]: 'ghcr.io' })).told, [])
  t.match((await faultsOf(upstreams, { [name]: 'ghcr.io' })).told, [/is none of the upstreams/])
  t.match((await faultsOf(upstreams, { [name]: 'x' })).told, [/is no registry/])
})
