import t from 'tap'
import { checkRewrite, rewriteRepository } from '../../../src/adapters/registry/rewrite.ts'

t.test('the first rule that changes the name applies, with groups in both spellings', async t => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how Go writes a group
  const rules = { '^rancher/(.*)': 'mirror/rancher-images/$1', '^(.*)$': 'all/${1}' }
  t.equal(rewriteRepository('rancher/k3s', rules), 'mirror/rancher-images/k3s')
  t.equal(rewriteRepository('library/nginx', rules), 'all/library/nginx')
  t.equal(rewriteRepository('library/nginx', {}), 'library/nginx')
  t.equal(rewriteRepository('a/b', { '^c': 'd' }), 'a/b')
})

t.test('a pattern that is none is named with its place', async t => {
  t.throws(() => checkRewrite({ ok: 'x', '(': 'y' }, 'upstreams.a.rewrite'), {
    code: 'config-invalid',
    message: /^upstreams\.a\.rewrite: "\("/,
  })
})
