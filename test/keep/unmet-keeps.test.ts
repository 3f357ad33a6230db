import t from 'tap'
import { parseImagePattern } from '../../src/config/image-pattern.ts'
import { createKeepSet } from '../../src/keep/keep-set.ts'
import { findUnmetKeeps } from '../../src/keep/unmet-keeps.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { silentLog } from '../../src/ports/log.ts'

const patternsOf = (...configured: readonly string[]) =>
  createKeepSet({
    book: { list: () => [], onChange: () => () => {} },
    parse: parseImagePattern,
    configured,
    log: silentLog,
  }).patterns()
const images = (...names: readonly string[]) => names.map(name => ({ key: parseTag(name) }))

t.test('a tag that is kept by its name and not known is told by its name', async t => {
  const patterns = patternsOf('docker.io/nginx:1.27', 'quay.io/a/b:1')
  t.match(findUnmetKeeps(patterns, images('quay.io/a/b:1')), {
    tags: [parseTag('docker.io/library/nginx:1.27')],
    patterns: [],
  })
})

t.test('a pattern that no known tag fits is told as it is written', async t => {
  const patterns = patternsOf('ghcr.io/acme/**:stable', 'quay.io/a/b', 'docker.io/**')
  t.strictSame(findUnmetKeeps(patterns, images('docker.io/library/nginx:1.27')), {
    tags: [],
    patterns: [
      { pattern: 'ghcr.io/acme/**:stable', isSaid: false },
      { pattern: 'quay.io/a/b', isSaid: false },
    ],
  })
  const said = { pattern: 'quay.io/a/b', atMs: 1, origin: '', note: undefined, author: undefined }
  const both = createKeepSet({
    book: { list: () => [said], onChange: () => () => {} },
    parse: parseImagePattern,
    configured: [said.pattern],
    log: silentLog,
  }).patterns()
  t.match(findUnmetKeeps(both, []), { patterns: [{ pattern: said.pattern, isSaid: true }] })
})
