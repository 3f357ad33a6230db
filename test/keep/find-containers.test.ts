import t from 'tap'
import { findContainers } from '../../src/keep/find-containers.ts'
import { digestOf } from '../../src/oci/digest.ts'
import type { RememberedContainer } from '../../src/ports/pod-memory.ts'

const minute = 60_000
const web: RememberedContainer = {
  namespace: 'default',
  pod: 'web-0',
  container: 'main',
  images: ['docker.io/library/web:1'],
  digest: digestOf(Buffer.from('web')),
  firstMs: 10 * minute,
  lastMs: 60 * minute,
  unseenMs: 0,
}
const old = {
  ...web,
  digest: digestOf(Buffer.from('old')),
  firstMs: 0,
  lastMs: 9 * minute,
  unseenMs: 1,
}
const other = { ...web, namespace: 'kube-system', container: 'side', images: ['a.lab/side:1'] }
const find = (word: string, atMs?: number) => findContainers([web, other, old], word, atMs)

t.test('a pod is meant by its name, with or without its namespace', async t => {
  t.strictSame(find('web-0'), { image: undefined, containers: [web, other] })
  t.strictSame(find('default/web-0').containers, [web])
  t.strictSame(
    findContainers([old], 'web-0', undefined).containers,
    [old],
    'what ran, where nothing runs',
  )
})

t.test('at a time it is what ran then', async t => {
  t.strictSame(find('default/web-0', 5 * minute).containers, [old])
  t.strictSame(
    find('default/web-0', 9.5 * minute).containers,
    [old],
    'half a minute after the last look',
  )
  t.strictSame(find('default/web-0', 20 * minute).containers, [web])
  t.match(find('default/web-0', -1), { image: { repository: 'default/web-0' }, containers: [] })
})

t.test('an image is meant by its tag, or its digest, whatever its pods name', async t => {
  const tag = { registry: 'docker.io', repository: 'library/web', tag: '1' }
  t.strictSame(find('web:1'), { image: tag, containers: [web] })
  t.strictSame(find('web:2').containers, [])
  t.strictSame(find(`any:1@${web.digest}`).containers, [web, other])
  t.throws(() => find('no image'), { code: 'NAME_INVALID' })
})
