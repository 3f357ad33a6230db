import type { Option } from './command.ts'

/** Of every command by which an operator changes something on all nodes. */
export const copies: Option = {
  name: 'copies',
  value: 'N',
  summary: 'wait until so many nodes have it, this one among them, 10 s at the most',
}

/** Of those that say something which somebody looks at later. */
export const reasons: readonly Option[] = [
  { name: 'note', value: 'TEXT', summary: 'why, for whoever looks at it later' },
  { name: 'author', value: 'NAME', summary: 'who wants it so; the name of the token by default' },
]
