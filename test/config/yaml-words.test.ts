import t from 'tap'
import { parseDocument } from 'yaml'
import { yamlWords } from '../../src/config/yaml-words.ts'

t.test(
  'what is wrong with YAML is told without what the parser says, and with what to do',
  async t => {
    for (const [text, problem] of [
      ['a: [b\nc: d\n', /is not finished/],
      ['a: "b\n', /is not finished/],
      ['a:\n\tb: 1\n', /indented with a tab/],
      ['a: 1\na: 2\n', /written twice/],
      ['a: b: c\n', /second mapping begins/],
      ['a: @secret\n', /cannot begin with this/],
      ['a: "\\z"\n', /no escape/],
      ['--- a\n--- b\n', /second document/],
    ] as const) {
      const [error] = parseDocument(text, { prettyErrors: false }).errors
      const told = error === undefined ? undefined : yamlWords(error)
      t.match(told?.problem, problem, text)
      t.type(told?.cure, 'string', text)
      t.notMatch(`${told?.problem} ${told?.cure}`, /secret/)
    }
    t.equal(yamlWords({ code: 'IMPOSSIBLE' }).problem, 'from here on this is no YAML')
  },
)
