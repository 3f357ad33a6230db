import { HoldfastError } from '../../ports/errors.ts'
import { type KeyLine, keyLines, keyOf } from './key-lines.ts'

/** The steps of changing a key, in their order; after each the file goes to every node. */
export type RotationStep = 'add' | 'promote' | 'drop'

/** What the file of a new cluster holds. */
export function newKeyText(key: string): string {
  return `# Cluster keys of Holdfast, one a line: the first dials, all are accepted.\n${key}\n`
}

/** Goes before the key that is to replace the others. */
const mark = /^# new [0-9a-f]{8}:/

interface KeyFileText {
  readonly comments: readonly string[]
  readonly keys: readonly (KeyLine & { readonly id: string })[]
  /** Id of the key that is being brought in. */
  readonly newId: string | undefined
}

/** The text of a key file after one step. The same text when the step was taken before. Throws `HoldfastError` when another comes first. */
export function changeKeyText(
  text: string,
  path: string,
  step: RotationStep,
  generateKey: () => string,
): string {
  const file = read(text, path)
  if (step === 'add') return add(file, text, path, generateKey)
  return step === 'promote' ? promote(file, text, path) : drop(file, text, path)
}

function add(file: KeyFileText, text: string, path: string, generateKey: () => string): string {
  const isAdded = file.keys.slice(1).some(({ id }) => id === file.newId)
  if (isAdded) return text
  if (file.keys.length > 1) {
    throw refusal(
      path,
      `holds ${file.keys.length} keys: a change is under way; --rotate promote, then --rotate drop finish it`,
    )
  }
  const key = { number: 0, text: generateKey() }
  const added = { ...key, id: keyOf(key, path).id }
  return write({ ...file, keys: [...file.keys, added], newId: added.id })
}

function promote(file: KeyFileText, text: string, path: string): string {
  const [first, ...rest] = file.keys
  const last = file.keys.at(-1)
  if (first === undefined || last === undefined || rest.length === 0) {
    throw refusal(path, 'holds one key: --rotate add comes before --rotate promote')
  }
  if (first.id === file.newId) return text
  const raised = file.keys.find(({ id }) => id === file.newId) ?? last
  const others = file.keys.filter(one => one !== raised)
  return write({ ...file, keys: [raised, ...others], newId: raised.id })
}

function drop(file: KeyFileText, text: string, path: string): string {
  const [first] = file.keys
  if (file.keys.length === 1) {
    // Its mark stays until the next change: what was dropped once is not dropped again.
    if (first?.id === file.newId) return text
    throw refusal(path, 'holds one key, and none to drop: --rotate add comes first')
  }
  if (first === undefined || first.id !== file.newId) {
    throw refusal(
      path,
      'does not dial with its new key yet: --rotate promote comes before --rotate drop',
    )
  }
  return write({ ...file, keys: [first] })
}

const refusal = (path: string, what: string): HoldfastError =>
  new HoldfastError('config-invalid', `${path} ${what}`)

function read(text: string, path: string): KeyFileText {
  const comments = text.split('\n').filter(line => line.trim().startsWith('#'))
  const marked = comments.find(line => mark.test(line))
  return {
    comments: comments.filter(line => !mark.test(line)),
    keys: keyLines(text).map(line => ({ ...line, id: keyOf(line, path).id })),
    newId: marked?.slice('# new '.length, '# new '.length + 8),
  }
}

const addedState = 'accepted; --rotate promote once every node has it'
const stateOfFirst = (count: number): string =>
  count === 1 ? 'alone, the others were dropped' : 'dialled with'

function write({ comments, keys, newId }: KeyFileText): string {
  const lines = keys.flatMap(({ id, text }, index) => {
    const state = index === 0 ? stateOfFirst(keys.length) : addedState
    return id === newId ? [`# new ${id}: ${state}`, text] : [text]
  })
  return `${[...comments, ...lines].join('\n')}\n`
}
