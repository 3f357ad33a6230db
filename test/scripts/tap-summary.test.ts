import t from 'tap'
import { summarizeTap } from '../../scripts/tap-summary.ts'

const stream = `npm warn something else
TAP version 14
# Subtest: test/a.test.ts
    # Subtest: outer
        ok 1 - holds
        not ok 2 - does not hold
          ---
          diff: |
            -1
            +2
          ...
        ok 3 - left out # SKIP needs a disk
        1..3
    not ok 1 - outer # time=1ms
    1..1
not ok 1 - test/a.test.ts # time=2ms
  ---
  exitCode: 1
  ...

# Subtest: test/b.test.ts
    ok 1 - to be done # TODO
    1..1
ok 2 - test/b.test.ts

not ok 3 - timeout!
  ---
  signal: SIGTERM
  ...

1..3
# { total: 5, pass: 1, fail: 2, skip: 1, todo: 1 }
`

t.test('what does not pass is told once, with what is known of it', async t => {
  t.strictSame(summarizeTap(stream), {
    passed: 1,
    failed: 4,
    failures: [
      'test/a.test.ts > outer > does not hold\n  diff: -1\n  +2\n  ',
      'timeout!\n  signal: SIGTERM',
      'test/a.test.ts > outer > left out\n  skipped: needs a disk',
      'test/b.test.ts > to be done\n  to do: true',
    ],
  })
})

t.test('long ones are cut', async t => {
  const lines = Array.from({ length: 40 }, (_, at) => `  line ${at}: ${'x'.repeat(500)}`)
  const failure =
    summarizeTap(
      `not ok 1 - long\n  ---\n${lines.join('\n')}\n  ...\n1..1\n# { total: 1, pass: 0 }`,
    )?.failures[0] ?? ''
  t.equal(failure.split('\n').length, 26)
  t.match(failure, /line 15: x+\n {2}\(16 more lines\)\n {2}line 32: x/)
  t.ok(failure.split('\n').every(line => line.length <= 250))
})

t.test('a run that ends before its closing line has none', async t => {
  t.equal(summarizeTap('TAP version 14\nok 1 - one\n'), undefined)
})
