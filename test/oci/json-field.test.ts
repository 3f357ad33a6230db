import t from 'tap'
import {
  asObject,
  field,
  invalid,
  optionalString,
  stringList,
  stringMap,
} from '../../src/oci/json-field.ts'

const refused = { name: 'OciError', code: 'MANIFEST_INVALID' }

t.test('only own fields are seen, and null is absent', async t => {
  t.equal(field({ a: 0 }, 'a'), 0)
  t.equal(field({ a: null }, 'a'), undefined)
  t.equal(field({}, 'constructor'), undefined)
  t.equal(field(JSON.parse('{"__proto__":{"a":1}}'), 'a'), undefined)
})

t.test('an object may have any keys but look-alikes of known ones', async t => {
  const names = new Set(['layers', 'mediaType', 'os.version'])
  t.ok(asObject({ layers: 1, layer: 2, 'x-y': 3 }, '', names))
  for (const key of ['Layers', 'LAYERS', 'layerſ', 'mediatype', 'MediaType', 'OS.version']) {
    t.throws(() => asObject({ [key]: 1 }, 'config', names), { ...refused, message: /look-alike/ })
  }
  t.throws(() => asObject({ toKen: 1 }, '', new Set(['token'])), refused, 'Kelvin sign')
  for (const value of [undefined, null, 1, 'x', []]) {
    t.throws(() => asObject(value, 'config', names), { ...refused, message: /^config: / })
  }
})

t.test('a field of another type is refused with its place', async t => {
  const object = { text: 1, list: ['a', 1], notList: 'a', map: { a: 1 }, notMap: ['a'] }
  const where = { ...refused, message: /^layers\[2\]: (?:text|list|notList|map|notMap) must / }
  t.throws(() => optionalString(object, 'text', 'layers[2]'), where)
  t.throws(() => stringList(object, 'list', 'layers[2]'), where)
  t.throws(() => stringList(object, 'notList', 'layers[2]'), where)
  t.throws(() => stringMap(object, 'map', 'layers[2]'), where)
  t.throws(() => stringMap(object, 'notMap', 'layers[2]'), where)
  t.equal(invalid('', 'no good').message, 'no good')
})

t.test('absent fields are undefined', async t => {
  t.equal(optionalString({}, 'a', ''), undefined)
  t.equal(stringList({ a: null }, 'a', ''), undefined)
  t.equal(stringMap({}, 'a', ''), undefined)
})

t.test('annotations named like parts of Object are mere keys', async t => {
  const map = stringMap(JSON.parse('{"a":{"__proto__":"x","toString":"y"}}'), 'a', '')
  t.same(Object.entries(map ?? {}), [
    ['__proto__', 'x'],
    ['toString', 'y'],
  ])
  t.notOk(map === undefined || 'constructor' in map)
})
