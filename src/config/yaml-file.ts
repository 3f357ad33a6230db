import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLError,
} from 'yaml'
import type { Fault, Origin } from './faults.ts'
import { isMapping, type Path } from './schema-node.ts'
import { yamlWords } from './yaml-words.ts'

/** A configuration file, parsed but not yet judged. */
export interface WrittenFile {
  /** A mapping; empty when the file could not be parsed. */
  readonly value: unknown
  readonly faults: readonly Fault[]
  /** Where a value, or the key itself, stands; the nearest thing above it that exists when it does not. */
  originOf(path: Path, aboutKey: boolean): Origin
}

/** Parses YAML (or JSON, which is YAML). An empty file is an empty mapping. */
export function parseConfigFile(text: string, file: string): WrittenFile {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false, // they quote the file, and with it its secrets
    stringKeys: true,
  })
  const place = (offset: number | undefined): Origin => {
    if (offset === undefined) return { kind: 'file', file }
    const { line, col } = lines.linePos(offset)
    return { kind: 'file', file, line, column: col }
  }
  const found = [...document.errors, ...document.warnings]
  // What is not finished is told once for each thing that is open.
  const once = new Map(found.map(error => [`${error.code} ${error.pos[0]}`, error]))
  const faults = [...once.values()].map(error => syntaxFault(error, place))
  const value = faults.length > 0 ? {} : contentOf(document, file, faults)
  if (!isMapping(value)) {
    const kind = Array.isArray(value) ? 'a list' : 'plain text'
    faults.push({
      path: '',
      origin: place(document.contents?.range?.[0]),
      problem: `the file must be a mapping, and it is ${kind}`,
      cure: 'begin with lines like `mode: auto`',
    })
  }
  return {
    value: isMapping(value) ? value : {},
    faults,
    originOf: (path, aboutKey) => place(offsetOf(document.contents, path, aboutKey)),
  }
}

/** An alias is resolved here; `yaml` gives up on those that would make billions of values out of a few. */
function contentOf(document: Document, file: string, faults: Fault[]): unknown {
  try {
    return (document.toJS() as unknown) ?? {}
  } catch (error) {
    const isUnresolved = error instanceof Error && error.message.startsWith('Unresolved alias')
    const problem = isUnresolved
      ? 'an alias names no anchor: *name needs &name before it'
      : 'its aliases unfold to too many values'
    faults.push({ path: '', origin: { kind: 'file', file }, problem })
    return {}
  }
}

function syntaxFault(error: YAMLError, place: (offset: number) => Origin): Fault {
  return { path: '', origin: place(error.pos[0]), ...yamlWords(error) }
}

/** Where the value at `path` begins; where its key does, when it has no value or the key is asked for; else what is nearest. */
function offsetOf(node: unknown, path: Path, aboutKey: boolean): number | undefined {
  const [part, ...rest] = path
  if (part === undefined) return isNode(node) ? node.range?.[0] : undefined
  const { key, value } = childAt(node, part)
  const keyOffset = isNode(key) ? key.range?.[0] : undefined
  const isEmpty = value === undefined || value === null || (isScalar(value) && value.value === null)
  if (isEmpty || (aboutKey && rest.length === 0)) return keyOffset ?? offsetOf(node, [], false)
  return offsetOf(value, rest, aboutKey) ?? keyOffset
}

function childAt(node: unknown, part: string | number): { key: unknown; value: unknown } {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part))
    return { key: pair?.key, value: pair?.value }
  }
  const item = isSeq(node) && typeof part === 'number' ? node.items[part] : undefined
  return { key: item, value: item }
}
