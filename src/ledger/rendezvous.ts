/**
 * Who is responsible for something: the first `count` of `ids` in an order that everybody works out alike and that differs for every
 * `key`. A member that comes or goes moves only what is or was its own. `ids` are node ids, hex.
 */
export function rankOwners(key: string, ids: readonly string[], count: number): readonly string[] {
  const [high, low] = hashKey(key)
  const best: { readonly id: string; readonly score: number }[] = []
  for (const id of ids) {
    const ranked = { id, score: scoreOf(high, low, id) }
    const last = best.at(-1)
    if (best.length >= count && last !== undefined && precedes(last, ranked)) continue
    const at = best.findIndex(other => precedes(ranked, other))
    best.splice(at < 0 ? best.length : at, 0, ranked)
    if (best.length > count) best.pop()
  }
  return best.map(({ id }) => id)
}

interface Ranked {
  readonly id: string
  readonly score: number
}

function precedes(a: Ranked, b: Ranked): boolean {
  return a.score > b.score || (a.score === b.score && a.id < b.id)
}

/** 52 bits, so that ties do not decide. */
function scoreOf(high: number, low: number, id: string): number {
  const first = mix(high ^ Number.parseInt(id.slice(0, 8), 16))
  const second = mix(first ^ low ^ Number.parseInt(id.slice(8, 16), 16))
  return (mix(first ^ second) >>> 0) * 2 ** 20 + (second >>> 12)
}

/** FNV-1a over the text, once forwards and once more over its result. */
function hashKey(key: string): readonly [number, number] {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  }
  const high = mix(hash)
  return [high, mix(high ^ Math.imul(key.length + 1, 0x9e3779b1))]
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
