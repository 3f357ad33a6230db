/** A source of numbers in [0, 1) that a seed repeats. */
export type Random = () => number

/** The mulberry32 generator: small, and good enough to choose mutations with. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** One of several. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new RangeError('nothing to pick from')
  return item
}

/** Marks that parsers look for, and values that catch them out. */
const tokens = [
  ...'/:@.%[]{}",\\?#_- \n\0éſ',
  ...['//', '..', '%2e', '%2F', '%25', '%00', '::', 'sha256:', 'sha512:', 'localhost/', ':5000'],
  ...['/blobs/uploads/', '/manifests/', '/tags/list', '"size":-1', '"size":1e999', '1e400', 'null'],
  ...['"__proto__":{', '"constructor":', '"toString":1', '"\\u0061"', '[[[[', '{"a":', '\ud800'],
  ...['unknown', 'linux/arm64', 'application/vnd.docker.', 'x'.repeat(300), '0'.repeat(64)],
]

/** A text with one to eight changes: cut, doubled, spliced with another, a token put in, a character replaced. */
export function mutate(random: Random, text: string, others: readonly string[]): string {
  let mutated = text
  for (let changes = 1 + Math.floor(random() ** 2 * 8); changes > 0; changes--) {
    mutated = pick(random, changesOf)(random, mutated, others)
  }
  return mutated
}

type Change = (random: Random, text: string, others: readonly string[]) => string

const at = (random: Random, text: string): number => Math.floor(random() * (text.length + 1))

const changesOf: readonly Change[] = [
  (random, text) => {
    const from = at(random, text)
    return text.slice(0, from) + text.slice(from + 1 + Math.floor(random() ** 3 * text.length))
  },
  (random, text) => {
    const from = at(random, text)
    const part = text.slice(from, from + 1 + Math.floor(random() * 40))
    return text.slice(0, from) + part.repeat(1 + Math.floor(random() ** 4 * 200)) + text.slice(from)
  },
  (random, text, others) => {
    const other = pick(random, others)
    return text.slice(0, at(random, text)) + other.slice(at(random, other))
  },
  (random, text) => {
    const from = at(random, text)
    return text.slice(0, from) + pick(random, tokens) + text.slice(from)
  },
  (random, text) => {
    const from = at(random, text)
    const replacement = String.fromCharCode(Math.floor(random() ** 3 * 0x10000))
    return text.slice(0, from) + replacement + text.slice(from + 1)
  },
]

const nastyValues: readonly unknown[] = [
  ...[null, true, -1, 0.5, 1e21, 2 ** 53, '', '\r\n', 'sha256:', [], {}, [null], [[]]],
  ...[{ toString: 1 }, { length: 9 }, { constructor: null }],
]

/** A JSON value with one part of it replaced, dropped, renamed or repeated. */
export function mutateJson(random: Random, value: unknown): unknown {
  if (random() < 0.15 || typeof value !== 'object' || value === null) {
    return pick(random, nastyValues)
  }
  if (Array.isArray(value)) return mutateList(random, value)
  const entries = Object.entries(value)
  if (entries.length === 0) return { x: pick(random, nastyValues) }
  const chosen = pick(random, entries)
  const [key, part] = chosen
  const changed: readonly (readonly [string, unknown])[] = pick(random, [
    [],
    [[pick(random, tokens), part]],
    [[key.toUpperCase(), part]],
    [[key, mutateJson(random, part)]],
    [[key, mutateJson(random, part)]],
    [[key, mutateJson(random, part)]],
  ])
  return Object.fromEntries(entries.flatMap(entry => (entry === chosen ? changed : [entry])))
}

function mutateList(random: Random, list: readonly unknown[]): unknown {
  if (list.length === 0) return [pick(random, nastyValues)]
  const index = Math.floor(random() * list.length)
  const times = Math.floor(random() ** 3 * 50)
  return [
    ...list.slice(0, index),
    mutateJson(random, list[index]),
    ...Array.from({ length: times }, () => list[index]),
    ...list.slice(index + 1),
  ]
}
