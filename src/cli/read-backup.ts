import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { LineCounter, parse, parseDocument } from 'yaml'
import { fileReason } from '../config/file-words.ts'
import { yamlWords } from '../config/yaml-words.ts'
import { CommandFailure } from './command-failure.ts'

/** What a node takes of one, in bytes. */
export const maxBackupBytes = 16 * 1024 * 1024

/** Of the rest the node that is to restore it tells what is wrong. */
const backup = Type.Object({ holdfastBackup: Type.Number() })

/** Reads a backup, JSON or YAML; `-` is standard input. Throws `CommandFailure` with `usage`. */
export async function readBackup(path: string): Promise<object> {
  const written = await read(path)
  const value = parseBoth(path, written)
  if (!Value.Check(backup, value)) {
    throw new CommandFailure('usage', `${path} is no file of holdfast backup`)
  }
  const { length } = Buffer.from(JSON.stringify(value))
  if (length <= maxBackupBytes) return value
  const cure = 'restore it in several files: each entry stands by itself'
  throw new CommandFailure('usage', `${path} is larger than a node takes at once; ${cure}`)
}

async function read(path: string): Promise<string> {
  try {
    return await (path === '-' ? text(process.stdin) : readFile(path, 'utf8'))
  } catch (cause) {
    throw new CommandFailure('usage', `${path} cannot be read: ${fileReason(cause)}`, cause)
  }
}

/** JSON by its own parser: that of YAML is many times slower, and what it says of broken JSON helps nobody. */
function parseBoth(path: string, written: string): unknown {
  const isJson = /^\s*[[{]/.test(written)
  try {
    return isJson ? JSON.parse(written) : parse(written)
  } catch (cause) {
    const { line, why } = isJson ? jsonFault(written, cause) : yamlFault(written)
    const at = line === undefined ? path : `${path}, line ${line}`
    const cure = '`holdfast backup` writes such a file'
    throw new CommandFailure('usage', `${at}: ${why}; ${cure}`, cause)
  }
}

interface SyntaxFault {
  readonly line: number | undefined
  readonly why: string
}

function yamlFault(written: string): SyntaxFault {
  const lines = new LineCounter()
  const [error] = parseDocument(written, { lineCounter: lines, prettyErrors: false }).errors
  if (error === undefined) return { line: undefined, why: 'this is no YAML' }
  return { line: lines.linePos(error.pos[0]).line, why: yamlWords(error).problem }
}

/** The parser tells a place, or quotes what stands there. */
function jsonFault(written: string, cause: unknown): SyntaxFault {
  const message = cause instanceof Error ? cause.message : ''
  const place = / at position (\d+)/.exec(message)?.[1]
  if (place !== undefined) {
    const line = written.slice(0, Number(place)).split('\n').length
    return { line, why: 'from here on this is no JSON' }
  }
  const isCut = /end of JSON input/.test(message)
  // JSON is YAML, and that parser always tells a place.
  const { line } = yamlFault(written)
  return { line, why: isCut ? 'the JSON ends too early' : 'this is no JSON' }
}
