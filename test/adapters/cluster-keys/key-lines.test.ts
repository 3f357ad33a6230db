import { randomBytes } from 'node:crypto'
import t from 'tap'
import { keyLines, parseKeys } from '../../../src/adapters/cluster-keys/key-lines.ts'

const hex = randomBytes(16).toString('hex')
const url = randomBytes(32).toString('base64url')

t.test('each line is a key, blank lines and comments aside, the first one first', async t => {
  const keys = parseKeys(`# ours\n\n  ${url}  \r\n#${hex}\n${hex}\n`, 'f')
  t.equal(keys.length, 2)
  t.strictSame(Buffer.from(keys[0]?.secret ?? []), Buffer.from(url, 'base64url'))
  t.strictSame(Buffer.from(keys[1]?.secret ?? []), Buffer.from(hex, 'hex'))
  t.strictSame(keyLines(`\n# a\n ${hex}`), [{ number: 3, text: hex }])
})

t.test('a key is the same in either case of hexadecimal, and listed once', async t => {
  t.equal(parseKeys(`${hex}\n${hex.toUpperCase()}\n`, 'f').length, 1)
})

t.test('an id is eight digits that differ from key to key', async t => {
  const ids = Array.from({ length: 200 }, () => {
    const [key] = parseKeys(randomBytes(32).toString('base64url'), 'f')
    t.match(key?.id, /^[0-9a-f]{8}$/)
    return key?.id
  })
  t.equal(new Set(ids).size, 200)
  t.notMatch(hex, parseKeys(hex, 'f')[0]?.id)
})

t.test('what is no key is refused by its line, and never shown', async t => {
  const bad = {
    short: [hex.slice(1), /32 to 128 characters/],
    long: ['ab'.repeat(65), /32 to 128 characters/],
    'odd hexadecimal': [`${hex}a`, /hexadecimal or base64url/],
    'impossible base64url': [`${url.slice(0, 40)}x`, /hexadecimal or base64url/],
    padded: [`${url}=`, /hexadecimal or base64url/],
    'base64 of the other kind': [`${'Ab+/9'.repeat(8)}`, /hexadecimal or base64url/],
    words: ['correct horse battery staple and more', /hexadecimal or base64url/],
    repetition: ['changeme'.repeat(5).slice(0, 36), /not random/],
    zeros: ['0'.repeat(64), /not random/],
  } as const
  for (const [what, [text, reason]] of Object.entries(bad)) {
    const read = () => parseKeys(`# first\n${url}\n${text}\n`, '/etc/secret')
    t.throws(read, { code: 'config-invalid', message: reason }, what)
    t.throws(read, { message: /^\/etc\/secret line 3 is no cluster key: .*holdfast mesh secret/ })
    try {
      read()
    } catch (error) {
      t.notOk(String(error).includes(text), `${what} is not shown`)
    }
  }
})

t.test('a file holds one to eight keys', async t => {
  const many = (count: number) =>
    Array.from({ length: count }, () => randomBytes(16).toString('hex')).join('\n')
  t.throws(() => parseKeys('# none\n\n', 'f'), { message: /f holds no cluster key/ })
  t.equal(parseKeys(many(8), 'f').length, 8)
  t.throws(() => parseKeys(many(9), 'f'), { message: /9 cluster keys: 8 are the most/ })
})
