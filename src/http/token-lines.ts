import { HoldfastError } from '../ports/errors.ts'

/** What a holder of a token may do: ask, or ask and change. */
export type TokenRole = 'read' | 'write'

/** A line of a token file. */
export interface TokenLine {
  readonly token: string
  readonly role: TokenRole
  /** Whom it was given to, for the audit log. */
  readonly name: string
}

/** What a key of the configuration names. */
export interface NamedFile {
  readonly key: 'admin.tokenFile' | 'mirror.tokenFile'
  readonly path: string
}

/**
 * Of a token, in characters: 128 bits as base64 has them, and 88 where they are hexadecimal. Nobody who guesses is stopped but by that: a right
 * token is let in however many wrong ones came before it.
 */
const minLength = 22
/** Different characters: what is random has fewer once in many thousand times, repetitions always. */
const minDifferent = 7
/** Of a name, in characters: it is the author of pins and goes to other nodes, which take no longer ones. */
const maxName = 100

/**
 * The tokens of a file, one a line: `TOKEN [read|write [NAME]]`. Without a role the holder may write; without a name he is called after
 * the line; of a longer one the first hundred characters count. Blank lines and those that begin with `#` are none. Throws `HoldfastError`
 * with `config-invalid`, which names file and line and never tells what stands there.
 */
export function parseTokens(text: string, file: NamedFile): readonly TokenLine[] {
  const lines = text.split('\n').flatMap((line, index) => parseLine(line.trim(), index + 1, file))
  if (lines.length === 0) throw unfit(file, `holds no token; ${cure}${cureOfEmpty[file.key]}`)
  return lines
}

/** Says what is wrong with a token file. */
export const unfit = ({ key, path }: NamedFile, what: string, cause?: unknown): HoldfastError =>
  new HoldfastError('config-invalid', `${key} ${path} ${what}`, cause)

const cure = '`openssl rand -hex 24` makes one'
const cureOfEmpty = {
  'admin.tokenFile': ', or remove the file: a start makes it with one',
  'mirror.tokenFile': '',
} as const

function parseLine(line: string, number: number, file: NamedFile): readonly TokenLine[] {
  if (line === '' || line.startsWith('#')) return []
  const refuse = (what: string) => unfit(file, `line ${number} ${what}`)
  const [token = '', role = 'write', ...name] = line.split(/\s+/)
  if (!/^[\x21-\x7e]+$/.test(token)) throw refuse(`has characters that no header takes; ${cure}`)
  if (token.length < minLength) {
    throw refuse(
      `has a token of ${token.length} characters, which can be guessed: ${minLength} are the least; ${cure}`,
    )
  }
  if (new Set(token).size < minDifferent) {
    throw refuse(`has a token that is not random, which can be guessed; ${cure}`)
  }
  if (role !== 'read' && role !== 'write') {
    throw refuse('has neither read nor write after its token: a line is TOKEN [read|write [NAME]]')
  }
  return [{ token, role, name: name.join(' ').slice(0, maxName) || `token ${number}` }]
}
