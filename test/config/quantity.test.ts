import t from 'tap'
import {
  durationPattern,
  parseDuration,
  parseShare,
  parseSize,
  sharePattern,
  sizePattern,
} from '../../src/config/quantity.ts'

t.test('sizes are bytes or have a unit, binary with an i and decimal without', async t => {
  const sizes = new Map<string | number, number>([
    [0, 0],
    [1024, 1024],
    ['1024', 1024],
    ['20GiB', 20 * 2 ** 30],
    ['20Gi', 20 * 2 ** 30],
    ['20 GiB', 20 * 2 ** 30],
    ['500MB', 5e8],
    ['1.5k', 1500],
    ['3TiB', 3 * 2 ** 40],
  ])
  for (const [text, bytes] of sizes) t.equal(parseSize(text), bytes, String(text))
  for (const text of ['', 'GiB', '-1', '1e9', '20%', '1 2', '1XB', '99999999TiB', 'constructor']) {
    t.equal(parseSize(text), undefined, JSON.stringify(text))
  }
})

t.test('durations need a unit', async t => {
  t.equal(parseDuration('500ms'), 500)
  t.equal(parseDuration('10m'), 600_000)
  t.equal(parseDuration('1.5h'), 5_400_000)
  t.equal(parseDuration('7d'), 604_800_000)
  for (const text of [10, '10', '10M', '10 min', 'm', '-1s'])
    t.equal(parseDuration(text), undefined, String(text))
})

t.test('a share lies between nothing and all', async t => {
  t.equal(parseShare('20%'), 20)
  t.equal(parseShare('0.5 %'), 0.5)
  for (const text of [20, '0%', '100%', '%', '20', '-5%'])
    t.equal(parseShare(text), undefined, String(text))
})

t.test('the patterns of the JSON Schema agree with the parsers', async t => {
  for (const text of ['20GiB', '1024', '1.5k', '500 MB', '7Ti', '12b']) {
    t.match(text, new RegExp(sizePattern))
    t.not(parseSize(text), undefined)
  }
  for (const text of ['10m', '1.5 h', '7d', '30ms']) t.match(text, new RegExp(durationPattern))
  t.match('20%', new RegExp(sharePattern))
  for (const text of ['20XB', '%', '10 min']) {
    t.notMatch(text, new RegExp(sizePattern))
    t.notMatch(text, new RegExp(durationPattern))
  }
})
