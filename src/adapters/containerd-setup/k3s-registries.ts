import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLSeq,
} from 'yaml'
import { HoldfastError } from '../../ports/errors.ts'
import { hostsName, keyOf } from './every-registry.ts'

/** `registries.yaml` of K3s and RKE2: https://docs.k3s.io/installation/private-registry */
interface Registries {
  /** Registries for whose `hosts.toml` K3s answers: it writes them anew at each start. `_default` for `*`. */
  readonly named: readonly string[]
  /** Those of them under `mirrors`. */
  readonly mirrored: readonly string[]
  /** Those among them whose first endpoint this is. */
  firstIs(url: string): readonly string[]
}

/** Reads the file. Throws `HoldfastError` that names the place, never a credential. */
export function readRegistries(text: string, path: string): Registries {
  const document = parse(text, path)
  const mirrored = keysOf(document, 'mirrors').map(hostsName)
  return {
    named: [...new Set([...mirrored, ...keysOf(document, 'configs').map(hostsName)])],
    mirrored,
    firstIs: url =>
      keysOf(document, 'mirrors')
        .filter(key => isSame(endpointsOf(document, key, path)[0], url))
        .map(hostsName),
  }
}

/**
 * The text with `url` as first endpoint of these registries; comments and order stay. Throws `HoldfastError` when the file cannot be
 * understood.
 */
export function withEndpoint(
  text: string,
  path: string,
  registries: readonly string[],
  url: string,
): string {
  const document = parse(text, path)
  for (const registry of registries) {
    const key =
      keysOf(document, 'mirrors').find(one => hostsName(one) === registry) ?? keyOf(registry)
    const endpoints = endpointsOf(document, key, path)
    if (isSame(endpoints[0], url)) continue
    putFirst(document, key, url, endpoints)
  }
  return print(document, text)
}

/** The text without `url` among the endpoints; a registry that has nothing left to say goes where `added` names it. */
export function withoutEndpoint(
  text: string,
  path: string,
  url: string,
  added: readonly string[],
): string {
  const document = parse(text, path)
  for (const key of keysOf(document, 'mirrors')) {
    const list = document.getIn(['mirrors', key, 'endpoint'])
    if (!isSeq(list)) continue
    removeFrom(list, url)
    if (list.items.length > 0) continue
    document.deleteIn(['mirrors', key, 'endpoint'])
    const rest = document.getIn(['mirrors', key])
    const isEmpty = isMap(rest) && rest.items.length === 0
    if (isEmpty && added.includes(hostsName(key))) document.deleteIn(['mirrors', key])
  }
  return print(document, text)
}

function putFirst(
  document: Document,
  key: string,
  url: string,
  endpoints: readonly string[],
): void {
  const place = ['mirrors', key, 'endpoint']
  const mirrors = sectionOf(document, 'mirrors')
  // What is said by an alias or a merged key is written out, lest what else it says be lost.
  if (!isMap(document.get('mirrors'))) document.set('mirrors', document.createNode(mirrors))
  if (!isMap(document.getIn(['mirrors', key]))) {
    document.setIn(['mirrors', key], document.createNode(mirrors[key] ?? {}))
  }
  const list = document.getIn(place)
  if (isSeq(list)) {
    removeFrom(list, url)
    // A comment above the first item is about that item.
    list.items.unshift(document.createNode(url))
    return
  }
  const others = endpoints.filter(one => !isSame(one, url))
  document.setIn(place, document.createNode([url, ...others]))
}

function removeFrom(list: YAMLSeq, url: string): void {
  list.items = list.items.filter(item => !(isScalar(item) && isSame(item.value, url)))
}

/** A slash behind an endpoint changes nothing. */
const isSame = (written: unknown, url: string): boolean =>
  typeof written === 'string' && written.replace(/\/+$/, '') === url.replace(/\/+$/, '')

/** With the indentation that the text has, the blanks within its brackets and its ends of lines. */
function print(document: Document, text: string): string {
  const [, spaces = '  '] = /^( +)[^\s#]/m.exec(text) ?? []
  const flowCollectionPadding = /[[{] +[^\s\]}]/.test(text)
  const printed = document.toString({ lineWidth: 0, indent: spaces.length, flowCollectionPadding })
  return text.includes('\r\n') ? printed.replaceAll(/\r?\n/g, '\r\n') : printed
}

function parse(text: string, path: string): Document {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const [error] = document.errors
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0])
    throw fault(path, `line ${line}, column ${col} is not YAML (${error.code})`)
  }
  if (plain(document, path) !== null && !isMap(document.contents)) {
    throw fault(path, 'is not a mapping')
  }
  return document
}

/** What it says; what would be endless with its aliases written out is a fault. */
function plain(document: Document, path: string): unknown {
  try {
    return document.toJS()
  } catch {
    throw fault(path, 'its aliases have no end')
  }
}

type Section = Readonly<Record<string, unknown>>

/** As K3s reads it: with what aliases and merged keys stand for. */
function sectionOf(document: Document, name: 'mirrors' | 'configs'): Section {
  return asSection(asSection(document.toJS())[name])
}

const asSection = (value: unknown): Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Section) : {}

const keysOf = (document: Document, name: 'mirrors' | 'configs'): readonly string[] =>
  Object.keys(sectionOf(document, name))

function endpointsOf(document: Document, key: string, path: string): readonly string[] {
  const list = asSection(sectionOf(document, 'mirrors')[key])['endpoint']
  if (list === undefined || list === null) return []
  if (Array.isArray(list)) return list.map(String)
  throw fault(path, `mirrors[${JSON.stringify(key)}].endpoint is not a list`)
}

const fault = (path: string, problem: string): HoldfastError =>
  new HoldfastError('config-invalid', `${path}: ${problem}`)
