import t from 'tap'
import { welcome } from '../../src/cli/welcome.ts'
import { loadConfig } from '../../src/config/load.ts'

const addresses = { mirror: '127.0.0.1:5050', admin: '127.0.0.1:5051', health: '127.0.0.1:5054' }

async function greet(flags: Record<string, string>, at = addresses): Promise<string> {
  const given = Object.entries(flags).map(([name, text]) => ({ name, text }))
  const { config } = await loadConfig({ file: undefined, env: {}, flags: given, isTerminal: false })
  if (config === undefined) throw new Error('refused')
  return welcome(config, at, '1.2.3')
}

t.test('the greeting tells where everything is, a line to try and one to paste', async t => {
  const text = await greet({ 'data-dir': '/srv/holdfast' })
  t.match(text, /^holdfast 1.2.3 is ready\n/)
  for (const address of Object.values(addresses)) t.match(text, `http://${address}`)
  t.match(text, /data +\/srv\/holdfast +blobs in \/srv\/holdfast\/blobs, at most 21 GB/)
  const url = 'http://127.0.0.1:5050/v2/library/nginx/manifests/latest?ns=docker.io'
  t.match(text, `curl -s -D - -o /dev/null '${url}'`, 'it fetches the manifest')
  t.notMatch(text, /curl -\w*I/, 'a HEAD alone would say that its asker holds the image')
  t.match(text, '/etc/containerd/certs.d/docker.io/hosts.toml')
  t.match(text, '[host."http://127.0.0.1:5050"]')
})

t.test('off loopback nothing is shown that would not work', async t => {
  const flags = { 'mirror.listen': '0.0.0.0:5050', 'mirror.token-file': '/run/mirror.token' }
  const text = await greet(flags, { ...addresses, mirror: '0.0.0.0:5050' })
  t.match(text, /mirror +http:\/\/0\.0\.0\.0:5050/)
  t.match(text, /upstreams .*\n\n$/, 'it ends with where everything is')
  t.notMatch(text, /curl|hosts\.toml|\[host/)
})

t.test('where containerd is the only store, the blobs are there', async t => {
  const text = await greet({ 'store.kind': 'containerd', 'containerd.socket': '/run/c/c.sock' })
  t.match(text, /data +.* blobs in containerd at \/run\/c\/c.sock\n/)
})

t.test('the line to try names a registry that is configured', async t => {
  const text = await greet({
    upstreams: '{"*":{},"reg.lan:5000":{}}',
    'upstream-files': '["/etc/registries.yaml"]',
  })
  t.match(text, '/v2/NAME/manifests/latest?ns=reg.lan%3A5000')
  t.match(text, /upstreams +\*, reg.lan:5000 and those of \/etc\/registries.yaml/)
})

t.test('the admin API is https when it has a certificate', async t => {
  const text = await greet({ 'admin.tls': '{"certFile":"/c","keyFile":"/k"}' })
  t.match(text, 'https://127.0.0.1:5051')
})
