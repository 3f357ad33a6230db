import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { Repository } from '../../src/oci/reference.ts'
import { createSightings } from '../../src/pull/sightings.ts'
import { repositoryOf } from '../support/fake-upstream.ts'

const layer = digestOf(Buffer.from('layer'))
const ours = digestOf(Buffer.from('our image'))
const theirs = digestOf(Buffer.from('their image'))
const secret = repositoryOf('secret/app')
const other = repositoryOf('secret/other')
const open = repositoryOf('library/app')
const isPrivate = ({ repository }: Repository) => repository.startsWith('secret/')

t.test('what was seen only under a private repository is served under no other', async t => {
  const sightings = createSightings(() => [])
  t.equal(sightings.add(layer, secret), true)
  t.equal(sightings.add(layer, secret), false, 'no news')
  t.equal(sightings.isServedUnder(layer, secret, isPrivate), true)
  t.equal(sightings.isServedUnder(layer, other, isPrivate), false, 'not even another private one')
  t.equal(sightings.isServedUnder(layer, open, isPrivate), false)
})

t.test('what was seen in one open repository is served under all', async t => {
  const sightings = createSightings(() => [])
  sightings.add(layer, secret)
  sightings.add(layer, open)
  t.equal(sightings.isServedUnder(layer, other, isPrivate), true)
  t.equal(sightings.isServedUnder(layer, repositoryOf('new'), isPrivate), true)
})

t.test('content counts as seen where a manifest that refers to it was seen', async t => {
  const parents = new Map([[layer, [ours]]])
  const sightings = createSightings(digest => parents.get(digest) ?? [])
  sightings.add(ours, secret)
  t.strictSame(sightings.seenIn(layer), [secret])
  t.equal(sightings.isServedUnder(layer, secret, isPrivate), true)
  t.equal(sightings.isServedUnder(layer, open, isPrivate), false)
  parents.set(layer, [ours, theirs])
  sightings.add(theirs, open)
  t.equal(sightings.isServedUnder(layer, other, isPrivate), true, 'an open image has it, too')
  t.equal(sightings.isServedUnder(ours, open, isPrivate), false, 'the private image stays private')
})

t.test('what was seen nowhere is served, and forgotten sightings are gone', async t => {
  const sightings = createSightings(() => [])
  t.equal(sightings.isServedUnder(layer, open, isPrivate), true)
  sightings.add(layer, secret)
  sightings.forget(layer)
  t.strictSame(sightings.seenIn(layer), [])
  t.equal(sightings.isServedUnder(layer, open, isPrivate), true)
})

t.test('where there are secrets, what was seen nowhere is served nowhere until it is', async t => {
  const sightings = createSightings(() => [], { servesUnseen: false })
  t.equal(sightings.isServedUnder(layer, open, isPrivate), false)
  sightings.add(layer, open)
  t.equal(sightings.isServedUnder(layer, open, isPrivate), true)
})
