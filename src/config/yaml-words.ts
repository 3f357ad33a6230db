import type { YAMLError } from 'yaml'

/** What is wrong with a text, and what to do. */
export interface SyntaxWords {
  readonly problem: string
  readonly cure: string | undefined
}

const unfinished = [
  'a list, mapping or quote that begins before this is not finished',
  'look for a missing ], } or quote, and for lines that are not indented enough',
] as const

/** By the parser's code: what it says itself quotes the text, and with it its secrets. */
const words: Readonly<Record<string, readonly [problem: string, cure: string]>> = {
  DUPLICATE_KEY: ['this key is written twice in one mapping', 'keep one of them'],
  TAB_AS_INDENT: ['the line is indented with a tab', 'YAML is indented with spaces'],
  MULTIPLE_DOCS: ['a second document begins here', 'keep one: remove the line ---'],
  NON_STRING_KEY: ['a key must be text', 'put it in quotes'],
  TAG_RESOLVE_FAILED: ['this tag is not known', 'remove the tag or put the text in quotes'],
  BAD_INDENT: unfinished,
  MISSING_CHAR: unfinished,
  BAD_DQ_ESCAPE: ['this is no escape of a double-quoted text', 'write \\\\ for a backslash'],
  BAD_SCALAR_START: ['a text cannot begin with this character', 'put the text in quotes'],
  BLOCK_AS_IMPLICIT_KEY: [
    'a second mapping begins in one line',
    'write one `key: value` a line, or put the value in quotes',
  ],
  MULTILINE_IMPLICIT_KEY: ['a key goes over several lines', 'write `key: value` in one line'],
  UNEXPECTED_TOKEN: ['this does not belong here', 'look at the indentation and the quotes'],
}

/** What a YAML parser found, in our words. */
export function yamlWords({ code }: Pick<YAMLError, 'code'>): SyntaxWords {
  const [problem, cure] = words[code] ?? []
  return { problem: problem ?? 'from here on this is no YAML', cure }
}
