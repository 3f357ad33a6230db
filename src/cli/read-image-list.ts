import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import { CommandFailure } from './command-failure.ts'

/**
 * Images that a file names: one a line, with comments from `#` on; or a YAML list, by itself or under `images`. Throws `CommandFailure` with
 * `usage`.
 *
 * @param file `-`: standard input
 */
export async function readImageList(file: string): Promise<readonly string[]> {
  const content = await read(file)
  const list = asYaml(content) ?? asLines(content)
  if (list.length > 0) return list
  throw new CommandFailure('usage', `${file} names no image: write one a line`)
}

async function read(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailure('usage', `${file} cannot be read: ${reason}`, cause)
  }
}

/** `undefined`: it is no YAML that has a list of texts. */
function asYaml(content: string): readonly string[] | undefined {
  let value: unknown
  try {
    value = parse(content)
  } catch {
    return undefined
  }
  const list = isMapping(value) ? value['images'] : value
  return Array.isArray(list) && list.every(one => typeof one === 'string') ? list : undefined
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const asLines = (content: string): readonly string[] =>
  content
    .split('\n')
    .map(line => line.replace(/(^|\s)#.*$/, '').trim())
    .filter(line => line !== '')
