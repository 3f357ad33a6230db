import t from 'tap'
import { compileGlob } from '../../src/config/glob.ts'
import { processorMs } from '../support/processor-time.ts'

t.test('wildcards stand for what they say, and everything else for itself', async t => {
  for (const [glob, text, isMatch] of [
    ['a/*', 'a/b', true],
    ['a/*', 'a/', true],
    ['a/*', 'a/b/c', false],
    ['a/*c*', 'a/bcd', true],
    ['a/*c*', 'a/bd', false],
    ['**', '', false],
    ['**', 'a', true],
    ['**', 'a/b', true],
    ['a/**', 'a/b/c', true],
    ['a/**', 'a/', false],
    ['**/c', 'a/b/c', true],
    ['**/c', 'c', false],
    ['a/**/c', 'a/c', true],
    ['a/**/c', 'a/x/y/c', true],
    ['a/**/c', 'a/xc', false],
    ['a/**/b/**/c', 'a/x/b/y/b/c', true],
    ['a**c', 'a/b/c', true],
    ['a**c*e', 'a/c/ce', true],
    ['a.c', 'abc', false],
    ['[ab]+', 'a', false],
    ['a', 'ab', false],
    ['', '', true],
  ] as const) {
    t.equal(compileGlob(glob)(text), isMatch, `${glob} and ${text}`)
  }
})

t.test('no glob stalls who matches it', async t => {
  const text = 'a'.repeat(500)
  const beganMs = processorMs()
  for (const glob of ['*a'.repeat(500), `${'**a'.repeat(300)}b`, `${'*a'.repeat(400)}b`]) {
    t.equal(compileGlob(glob)(text), !glob.endsWith('b'), glob.slice(0, 10))
  }
  const deep = 'a/'.repeat(200)
  t.notOk(compileGlob(`${'**/a/'.repeat(100)}b`)(deep))
  t.ok(processorMs() - beganMs < 2_000)
})
