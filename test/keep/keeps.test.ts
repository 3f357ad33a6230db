import t from 'tap'
import { createKeepSet, maxPatterns, type ParsePattern } from '../../src/keep/keep-set.ts'
import { createKeeps } from '../../src/keep/keeps.ts'
import type { Keep } from '../../src/ports/keep-book.ts'
import { silentLog } from '../../src/ports/log.ts'

const terms = { copies: 2, signal: new AbortController().signal }
const details = { note: 'n', author: 'a' }
const parse: ParsePattern = text =>
  text === ''
    ? { problem: 'is empty', cure: 'write one' }
    : { canonical: text, beginning: '', matches: () => true }

function open({ isOperator = true, configured = [] as readonly string[] } = {}) {
  let words: readonly Keep[] = []
  const said: string[] = []
  const book = {
    list: () => words,
    onChange: () => () => {},
    async set(pattern: string, more: typeof details) {
      await Promise.resolve()
      said.push(`set ${pattern}`)
      words = [
        ...words.filter(one => one.pattern !== pattern),
        { pattern, atMs: 1, origin: 'ab', ...more },
      ]
    },
    async lift(pattern: string) {
      said.push(`lift ${pattern}`)
      words = words.filter(one => one.pattern !== pattern)
    },
  }
  const keeps = createKeeps({
    book: book as Parameters<typeof createKeeps>[0]['book'],
    set: createKeepSet({ book, parse, configured, log: silentLog }),
    parse,
    isOperator: () => isOperator,
    storeOnOthers: async (pattern, { copies }) => {
      said.push(`store ${pattern}`)
      return { nodes: copies, members: 3, away: 0 }
    },
  })
  return { keeps, said }
}

t.test('a keep is set once, stored on others, and removed', async t => {
  const { keeps, said } = open()
  t.match(await keeps.set('a', details, terms), {
    pattern: 'a',
    before: undefined,
    after: { pattern: 'a', said: { note: 'n' } },
    stored: { nodes: 2, members: 3, away: 0 },
  })
  await keeps.set('a', details, terms)
  t.match(keeps.find('a'), { said: { author: 'a' } })
  t.match(await keeps.set('a', { ...details, note: 'm' }, terms), {
    before: { said: { note: 'n' } },
    after: { said: { note: 'm' } },
  })
  t.match(await keeps.remove('a', 'a', terms), { before: { pattern: 'a' }, after: undefined })
  await keeps.remove('a', 'a', terms)
  t.strictSame(said, [
    'set a',
    'store a',
    'store a',
    'set a',
    'store a',
    'lift a',
    'store a',
    'store a',
  ])
})

t.test('what the configuration keeps stays when operators want it no longer', async t => {
  const { keeps } = open({ configured: ['a'] })
  t.match(await keeps.set('a', details, terms), { after: { isConfigured: true, said: {} } })
  t.match(await keeps.remove('a', 'a', terms), { after: { isConfigured: true, said: undefined } })
})

t.test('what cannot be is refused, and nothing is said', async t => {
  const { keeps, said } = open()
  await t.rejects(keeps.set('', details, terms), { code: 'no-pattern', message: /write one/ })
  t.throws(() => keeps.find(''), { code: 'no-pattern' })
  const powerless = open({ isOperator: false })
  await t.rejects(powerless.keeps.set('a', details, terms), { code: 'no-operator' })
  await t.rejects(powerless.keeps.remove('a', 'a', terms), { code: 'no-operator' })
  const full = open({ configured: Array.from({ length: maxPatterns }, (_, i) => `p${i}`) })
  await t.rejects(full.keeps.set('a', details, terms), { code: 'too-many' })
  t.match(await full.keeps.set('p1', details, terms), { after: { said: {} } })
  t.strictSame([...said, ...powerless.said], [])
})

t.test(
  'no more is kept when it is said at once, and each is told what the one before left',
  async t => {
    const configured = Array.from({ length: maxPatterns - 1 }, (_, i) => `p${i}`)
    const { keeps } = open({ configured })
    const done = await Promise.allSettled(['a', 'b'].map(one => keeps.set(one, details, terms)))
    t.match(done, [{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'too-many' } }])
    const notes = await Promise.all(
      ['m', 'o'].map(note => keeps.set('a', { ...details, note }, terms)),
    )
    t.match(notes, [{ before: { said: { note: 'n' } } }, { before: { said: { note: 'm' } } }])
  },
)

t.test('what would be refused is told without saying anything', t => {
  const configured = Array.from({ length: maxPatterns - 1 }, (_, i) => `p${i}`)
  const { keeps, said } = open({ configured })
  t.equal(keeps.tryOut('p0', new Set()), undefined, 'it stands')
  t.equal(keeps.tryOut('a', new Set()), 'a', 'it would be one more')
  t.equal(keeps.tryOut('a', new Set(['a'])), undefined)
  t.throws(() => keeps.tryOut('b', new Set(['a'])), { code: 'too-many' })
  t.throws(() => keeps.tryOut('', new Set()), { code: 'no-pattern' })
  t.throws(() => open({ isOperator: false }).keeps.tryOut('a', new Set()), { code: 'no-operator' })
  t.strictSame(said, [])
  t.end()
})

t.test('patterns are written at once, and each by itself', async t => {
  const { keeps, said } = open()
  const all = ['a', 'b'].map(one => keeps.set(one, details, terms))
  all.push(keeps.remove('a', 'a', terms))
  await Promise.all(all)
  t.strictSame(
    said.filter(step => !step.startsWith('store')),
    ['set a', 'set b', 'lift a'],
  )
})
