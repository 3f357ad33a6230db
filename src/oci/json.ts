import { OciError } from './errors.ts'

/** An object as JSON has it; only its own properties mean something. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Levels of nesting; real manifests have five. */
const maxDepth = 32

/**
 * Reads UTF-8 JSON that every reader understands alike: too deep nesting and objects that say a key twice are refused, because Go
 * (containerd, registries) would read another manifest out of them than we do. Throws {@link OciError} `MANIFEST_INVALID`.
 */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes)
  refuseAmbiguity(text)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new OciError('MANIFEST_INVALID', 'the manifest is not JSON', { cause })
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new OciError('MANIFEST_INVALID', 'the manifest is not UTF-8', { cause })
  }
}

/**
 * Looks at brackets and keys alone, on any text: what is not JSON is left to `JSON.parse`. Goes before it, so that the parser never
 * sees nesting without bound.
 */
function refuseAmbiguity(text: string): void {
  /** Keys of the objects that are open here; `undefined` for an array. */
  const open: (Set<string> | undefined)[] = []
  const token = /["{}[\]]/g
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] === '"') {
      const end = endOfString(text, match.index)
      if (followedByColon(text, end)) addKey(open.at(-1), text.slice(match.index, end))
      token.lastIndex = end
    } else {
      follow(match[0], open)
    }
  }
}

function follow(bracket: string, open: (Set<string> | undefined)[]): void {
  if (bracket === '}' || bracket === ']') {
    open.pop()
    return
  }
  open.push(bracket === '{' ? new Set() : undefined)
  if (open.length > maxDepth) {
    throw new OciError('MANIFEST_INVALID', `nested deeper than ${maxDepth} levels`)
  }
}

/** The position after the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}

function followedByColon(text: string, end: number): boolean {
  let at = end
  while (' \t\r\n'.includes(text[at] ?? '.')) at++
  return text[at] === ':'
}

function addKey(keys: Set<string> | undefined, literal: string): void {
  if (keys === undefined) return
  const key = literal.includes('\\') ? unescapeKey(literal) : literal.slice(1, -1)
  if (keys.has(key)) throw new OciError('MANIFEST_INVALID', `the key ${literal} is there twice`)
  keys.add(key)
}

function unescapeKey(literal: string): string {
  try {
    return String(JSON.parse(literal))
  } catch {
    return literal
  }
}
