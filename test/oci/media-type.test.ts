import t from 'tap'
import {
  essence,
  isImageType,
  isIndexType,
  isManifestType,
  isNonDistributable,
  isSchema1Type,
  manifestAccept,
} from '../../src/oci/media-type.ts'
import { makeImage, makeSingleImage } from '../support/image.ts'

t.test('indexes and images of both families are told apart', async t => {
  for (const flavour of ['oci', 'docker'] as const) {
    const index = makeImage({ flavour }).mediaType
    const image = makeSingleImage({ flavour })
    t.ok(isIndexType(index) && !isImageType(index) && isManifestType(index), index)
    t.ok(isImageType(image.mediaType) && !isIndexType(image.mediaType))
    t.ok(isManifestType(image.mediaType), image.mediaType)
    t.notOk(isManifestType(image.config.mediaType), image.config.mediaType)
  }
})

t.test('we ask for exactly what we can read', async t => {
  const accepted = manifestAccept.split(', ')
  t.equal(accepted.length, 4)
  t.ok(accepted.every(isManifestType))
  t.notOk(accepted.some(isSchema1Type))
})

t.test('schema 1 is recognised, signed or not', async t => {
  t.ok(isSchema1Type('application/vnd.docker.distribution.manifest.v1+json'))
  t.ok(isSchema1Type('application/vnd.docker.distribution.manifest.v1+prettyjws'))
  t.notOk(isSchema1Type('application/vnd.docker.distribution.manifest.v2+json'))
})

t.test('the essence has no parameters, space or capitals', async t => {
  t.equal(essence(' Application/JSON ; charset=utf-8'), 'application/json')
  t.equal(essence('text/html'), 'text/html')
  t.equal(essence(''), '')
})

t.test('non-distributable layers are recognised in every compression', async t => {
  for (const end of ['', '+gzip', '+zstd']) {
    t.ok(isNonDistributable(`application/vnd.oci.image.layer.nondistributable.v1.tar${end}`))
  }
  t.ok(isNonDistributable('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'))
  t.notOk(isNonDistributable('application/vnd.oci.image.layer.v1.tar+gzip'))
  t.notOk(isNonDistributable('application/vnd.docker.image.rootfs.diff.tar.gzip'))
})
