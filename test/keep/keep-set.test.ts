import t from 'tap'
import { createKeepSet, maxPatterns, type ParsePattern } from '../../src/keep/keep-set.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import type { Keep } from '../../src/ports/keep-book.ts'
import { createHeardLog } from '../adapters/sqlite/support.ts'

const keyOf = (tag: string): TagReference => ({ registry: 'a.lan', repository: 'app', tag })

/** Patterns of this test are tags; upper case is another way to write them, and `!` is none. */
const parse: ParsePattern = text =>
  text.startsWith('!')
    ? { problem: 'is none', cure: 'write a tag' }
    : {
        canonical: text.toLowerCase(),
        beginning: `a.lan/app:${text.toLowerCase()}`,
        matches: ({ tag }) => tag === text.toLowerCase(),
      }

const keep = (pattern: string): Keep => ({
  pattern,
  atMs: 1,
  origin: 'ab',
  note: undefined,
  author: 'a',
})

function open(configured: readonly string[] = []) {
  let said: readonly Keep[] = []
  const listeners = new Set<() => void>()
  const log = createHeardLog()
  const set = createKeepSet({
    book: {
      list: () => said,
      onChange(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    parse,
    configured,
    log,
  })
  const say = (...patterns: string[]) => {
    said = patterns.map(keep)
    for (const listener of listeners) listener()
  }
  return { set, say, log }
}

t.test('what the configuration names and what operators name is kept, from then on', async t => {
  const { set, say } = open(['B'])
  let changes = 0
  set.onChange(() => {
    changes += 1
  })
  t.ok(set.isKept(keyOf('b')))
  t.notOk(set.isKept(keyOf('a')))
  say('a', 'b')
  t.ok(set.isKept(keyOf('a')))
  t.match(set.patterns(), [
    { pattern: 'a', isConfigured: false, said: { author: 'a' } },
    { pattern: 'b', isConfigured: true, said: { author: 'a' } },
  ])
  say()
  t.notOk(set.isKept(keyOf('a')))
  t.match(set.patterns(), [{ pattern: 'b', isConfigured: true, said: undefined }])
  t.equal(changes, 2)
})

t.test('what is no pattern, or no canonical one, keeps nothing and is told once', async t => {
  const { set, say, log } = open()
  say('!', 'A', 'c')
  t.notOk(set.isKept(keyOf('a')))
  t.ok(set.isKept(keyOf('c')))
  say('!', 'A', 'c', 'd')
  t.equal(set.patterns().length, 2)
  t.strictSame(
    log.lines.map(({ fields }) => fields['pattern']),
    ['!', 'A'],
  )
})

t.test('one too many keeps nothing', async t => {
  const { set, say, log } = open(['last'])
  say(...Array.from({ length: maxPatterns }, (_, i) => `t${i}`), 'last')
  t.equal(set.patterns().length, maxPatterns)
  t.ok(set.isKept(keyOf(`t${maxPatterns - 2}`)))
  t.notOk(set.isKept(keyOf(`t${maxPatterns - 1}`)))
  t.ok(set.patterns().some(({ pattern, said }) => pattern === 'last' && said !== undefined))
  t.match(log.lines, [{ message: /too many/ }])
})
