import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { fileReason } from '../config/file-words.ts'
import { yamlWords } from '../config/yaml-words.ts'
import { OciError } from '../oci/errors.ts'
import { parseReference, quote } from '../oci/reference.ts'
import { CommandFailure } from './command-failure.ts'

/** A word of a file, and the line that it is on, from 1. */
interface Entry {
  readonly word: string
  readonly line: number
}

/**
 * Images that a file names: one a line, with comments from `#` on; or a YAML list, by itself or under `images`. Throws `CommandFailure` with
 * `usage`, which names the file and the line.
 *
 * @param file `-`: standard input
 */
export async function readImageList(file: string): Promise<readonly string[]> {
  const content = await read(file)
  const list = asYaml(content, file) ?? asLines(content)
  for (const entry of list) check(entry, file)
  if (list.length > 0) return list.map(({ word }) => word)
  throw new CommandFailure('usage', `${file} names no image: write one a line`)
}

async function read(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
  } catch (cause) {
    throw new CommandFailure('usage', `${file} cannot be read: ${fileReason(cause)}`, cause)
  }
}

/** `undefined`: it has no list of texts. A file that is called YAML has to be some. */
function asYaml(content: string, file: string): readonly Entry[] | undefined {
  const lineCounter = new LineCounter()
  const document = parseDocument(content, { lineCounter, prettyErrors: false })
  const [fault] = document.errors
  if (fault !== undefined) {
    if (!/\.ya?ml$/i.test(file)) return undefined
    const { line } = lineCounter.linePos(fault.pos[0])
    const { problem, cure } = yamlWords(fault)
    const told = cure === undefined ? problem : `${problem}; ${cure}`
    throw new CommandFailure('usage', `${at(file, line)}: ${told}`, fault)
  }
  const { contents } = document
  const list = isMap(contents) ? contents.get('images') : contents
  if (!isSeq(list)) return undefined
  const entries = list.items.map((item): Entry | undefined => {
    if (!isScalar(item) || typeof item.value !== 'string') return undefined
    return { word: item.value, line: lineCounter.linePos(item.range?.[0] ?? 0).line }
  })
  return entries.every(entry => entry !== undefined) ? entries : undefined
}

const asLines = (content: string): readonly Entry[] =>
  content
    .split('\n')
    .map((line, index) => ({ word: line.replace(/(^|\s)#.*$/, '').trim(), line: index + 1 }))
    .filter(({ word }) => word !== '')

function check({ word, line }: Entry, file: string): void {
  try {
    parseReference(word)
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause
    throw new CommandFailure('usage', `${at(file, line)}: ${quote(word)}: ${cause.message}`, cause)
  }
}

const at = (file: string, line: number): string =>
  `${file === '-' ? 'standard input' : file}, line ${line}`
