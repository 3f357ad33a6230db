import fc from 'fast-check'
import t from 'tap'
import { type Challenge, parseChallenges } from '../../../src/adapters/registry/challenge.ts'

const cases: Readonly<Record<string, readonly [string | readonly string[], readonly Challenge[]]>> =
  {
    'the usual one': [
      'Bearer realm="https://auth.test/token",service="registry.test",scope="repository:a/b:pull"',
      [
        {
          scheme: 'bearer',
          parameters: {
            realm: 'https://auth.test/token',
            service: 'registry.test',
            scope: 'repository:a/b:pull',
          },
        },
      ],
    ],
    'a comma inside quotes': [
      'Bearer realm="https://a.test/t?x=1,2", scope="repository:a:pull,push"',
      [
        {
          scheme: 'bearer',
          parameters: { realm: 'https://a.test/t?x=1,2', scope: 'repository:a:pull,push' },
        },
      ],
    ],
    'several in one header': [
      'Negotiate, Basic realm="a b", Bearer realm="https://a.test" , service=x',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'a b' } },
        { scheme: 'bearer', parameters: { realm: 'https://a.test', service: 'x' } },
      ],
    ],
    'several headers': [
      ['Basic realm="x"', 'bearer REALM="https://a.test"'],
      [
        { scheme: 'basic', parameters: { realm: 'x' } },
        { scheme: 'bearer', parameters: { realm: 'https://a.test' } },
      ],
    ],
    'a lump of base64': [
      'Negotiate YIIabc==, Basic realm=x',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'x' } },
      ],
    ],
    'bare values and blanks around the sign': [
      'Bearer realm = https://a.test/token , service= "s"',
      [{ scheme: 'bearer', parameters: { realm: 'https://a.test/token', service: 's' } }],
    ],
    'an escaped quote': [
      'Basic realm="say \\"hi\\""',
      [{ scheme: 'basic', parameters: { realm: 'say "hi"' } }],
    ],
    'a quote that never ends': [
      'Bearer realm="https://a.test/token',
      [{ scheme: 'bearer', parameters: { realm: 'https://a.test/token' } }],
    ],
    'a value with an equals sign': [
      'Bearer realm=https://a.test/t?k=v,service=x',
      [{ scheme: 'bearer', parameters: { realm: 'https://a.test/t?k=v', service: 'x' } }],
    ],
    'stray commas': [',, Basic ,realm="x",,', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    'a repeated name': [
      'Basic realm="first", realm="second"',
      [{ scheme: 'basic', parameters: { realm: 'first' } }],
    ],
  }

for (const [what, [text, expected]] of Object.entries(cases)) {
  t.test(`${what} is read`, async t => t.strictSame(parseChallenges(text), expected))
}

t.test('no header is no challenge', async t => {
  t.strictSame(parseChallenges(undefined), [])
  t.strictSame(parseChallenges(''), [])
})

t.test('a name from the prototype is a name like any other', async t => {
  const [challenge] = parseChallenges('Bearer __proto__="x", realm="r"')
  const { realm } = challenge?.parameters ?? {}
  t.equal(realm, 'r')
})

t.test('whatever comes, reading ends and does not throw', async () => {
  const odd = fc.string({ unit: fc.constantFrom(...'ab=", \t\\/:é'), maxLength: 40 })
  fc.assert(
    fc.property(odd, text => {
      for (const { scheme } of parseChallenges(text)) if (scheme === '') throw new Error(text)
    }),
  )
})

t.test('what is written by the book is read back', async () => {
  const name = fc.stringMatching(/^[a-z]{1,8}$/)
  const value = fc.string({ maxLength: 20 }).filter(text => !/[\r\n]/.test(text))
  const challenge = fc.record({
    scheme: name,
    parameters: fc.dictionary(name, value, { minKeys: 1 }),
  })
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), challenges => {
      const header = challenges
        .map(({ scheme, parameters }) => {
          const list = Object.entries(parameters).map(
            ([key, text]) => `${key}="${text.replace(/["\\]/g, '\\$&')}"`,
          )
          return `${scheme} ${list.join(', ')}`
        })
        .join(', ')
      const same = JSON.stringify(parseChallenges(header)) === JSON.stringify(challenges)
      if (!same) throw new Error(header)
    }),
  )
})
