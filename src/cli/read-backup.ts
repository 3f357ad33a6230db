import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { CommandFailure } from './command-failure.ts'

/** What a node takes of one, in bytes. */
export const maxBackupBytes = 64 * 1024 * 1024

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
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailure('usage', `${path} cannot be read: ${reason}`, cause)
  }
}

/** JSON by its own parser: that of YAML is many times slower, and what it says of broken JSON helps nobody. */
function parseBoth(path: string, written: string): unknown {
  const isJson = /^\s*[[{]/.test(written)
  try {
    return isJson ? JSON.parse(written) : parse(written)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    throw new CommandFailure('usage', `${path} is no ${isJson ? 'JSON' : 'YAML'}: ${reason}`, cause)
  }
}
