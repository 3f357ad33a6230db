import t from 'tap'
import { parseTokens } from '../../src/http/token-lines.ts'

const file = { key: 'admin.tokenFile', path: '/data/admin.token' } as const
const first = 'uOa0T9IgRa7XqJqVw0X1Xw'
const second = '0123456789abcdef0123456789abcdef'

t.test('a line is a token, what its holder may do, and whom it was given to', t => {
  const text = `# watch\n\n ${first} \n${second} read the  bridge\r\n${first}x write\n`
  t.strictSame(parseTokens(text, file), [
    { token: first, role: 'write', name: 'token 3' },
    { token: second, role: 'read', name: 'the bridge' },
    { token: `${first}x`, role: 'write', name: 'token 5' },
  ])
  const [long] = parseTokens(`${first} read ${'n'.repeat(5_000)}`, file)
  t.equal(long?.name.length, 100)
  t.end()
})

t.test('what can be guessed is refused, and what is wrong is told without telling it', t => {
  for (const [line, why] of [
    ['bad', /line 2 has a token of 3 characters, which can be guessed: 22 are the least; `openssl/],
    [first.slice(1), /line 2 has a token of 21 characters/],
    ['abcabc'.repeat(10), /line 2 has a token that is not random/],
    [`${first} raed mate`, /line 2 has neither read nor write after its token/],
    [`${first} ${second}`, /line 2 has neither/],
    [`${first}ü`, /line 2 has characters that no header takes/],
  ] as const) {
    try {
      parseTokens(`${second}\n${line}\n`, file)
      t.fail(line)
    } catch (error) {
      t.match(error, { code: 'config-invalid', message: why })
      t.match(error, { message: /^admin\.tokenFile \/data\/admin\.token line 2 / })
      const { message } = error as Error
      for (const word of line.split(' ')) t.notOk(message.includes(word) && word !== 'read', word)
    }
  }
  t.end()
})

t.test('a file without a token is none', t => {
  for (const text of ['', '\n', '# later\n']) {
    t.throws(() => parseTokens(text, file), { message: /holds no token; .*or remove the file/ })
    const mirror = { key: 'mirror.tokenFile', path: '/t' } as const
    t.throws(() => parseTokens(text, mirror), { message: /holds no token; `openssl.* makes one$/ })
  }
  t.end()
})
