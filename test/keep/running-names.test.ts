import t from 'tap'
import { sortNames } from '../../src/keep/running-names.ts'
import { digestOf } from '../../src/oci/digest.ts'

const digest = digestOf(Buffer.from('web'))

t.test('tags and digests are told apart', async t => {
  const byDigest = `docker.io/library/web@${digest}`
  t.strictSame(sortNames(['reg.test/web:1', byDigest, 'reg.test/web:1']), {
    tags: new Set(['reg.test/web:1']),
    byDigest: new Map([
      [byDigest, { repository: { registry: 'docker.io', repository: 'library/web' }, digest }],
    ]),
  })
})
