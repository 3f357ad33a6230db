import t from 'tap'
import { createExclusions } from '../../src/keep/exclusions.ts'
import type { Exclusion, ExclusionKind } from '../../src/ports/exclusion-book.ts'

const terms = { copies: 2, signal: new AbortController().signal }
const self = 'aa'.repeat(32)
const other = 'bb'.repeat(32)

function open(isOperator = true) {
  const words = new Map<string, Exclusion>()
  const said: string[] = []
  const name = (kind: ExclusionKind, key: string) => `${kind} ${key}`
  const exclusions = createExclusions({
    book: {
      list: kind => [...words].filter(([at]) => at.startsWith(kind)).map(([, word]) => word),
      async set(kind, key, details) {
        said.push(`set ${name(kind, key)}`)
        words.set(name(kind, key), { key, atMs: 1, origin: self, ...details })
      },
      async lift(kind, key) {
        said.push(`lift ${name(kind, key)}`)
        words.delete(name(kind, key))
      },
    },
    self,
    isOperator: () => isOperator,
    storeOnOthers: async (kind, key, { copies }) => {
      said.push(`store ${name(kind, key)}`)
      return { nodes: copies, members: 3, away: 0 }
    },
  })
  return { exclusions, said }
}

const details = { note: 'n', author: 'a' }

t.test('an exclusion is set once, stored on others, and lifted', async t => {
  const { exclusions, said } = open()
  t.match(await exclusions.set('ban', other, details, terms), {
    before: undefined,
    after: { key: other, note: 'n' },
    stored: { nodes: 2, members: 3, away: 0 },
  })
  await exclusions.set('ban', other, details, terms)
  t.equal(exclusions.find('block', other), undefined)
  t.match(await exclusions.lift('ban', other, 'a', terms), {
    before: { key: other },
    after: undefined,
  })
  await exclusions.lift('ban', other, 'a', terms)
  t.strictSame(said, [
    `set ban ${other}`,
    `store ban ${other}`,
    `store ban ${other}`,
    `lift ban ${other}`,
    `store ban ${other}`,
    `store ban ${other}`,
  ])
})

t.test('a node does not ban itself, and who is no operator says nothing', async t => {
  const { exclusions, said } = open()
  await t.rejects(exclusions.set('ban', self, details, terms), { code: 'self' })
  const powerless = open(false)
  await t.rejects(powerless.exclusions.set('block', 'sha256:1', details, terms), {
    code: 'no-operator',
  })
  await t.rejects(powerless.exclusions.lift('block', 'sha256:1', 'a', terms), {
    code: 'no-operator',
  })
  t.strictSame([...said, ...powerless.said], [])
})

t.test('what would be refused is told without saying anything', t => {
  const { exclusions, said } = open()
  exclusions.tryOut('ban', other)
  t.throws(() => exclusions.tryOut('ban', self), { code: 'self' })
  t.throws(() => open(false).exclusions.tryOut('block', other), { code: 'no-operator' })
  t.strictSame(said, [])
  t.end()
})
