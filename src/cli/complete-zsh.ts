import {
  type CompletedCommand,
  type CompletedOption,
  type Completions,
  isListed,
  keyOf,
  type Values,
} from './completions.ts'

/** For zsh: a function that describes what fits. Sourced it is taken at once; as a file of `fpath` it is when it is asked for first. */
export function zshScript({ commands, options, groups }: Completions): string {
  const single = commands.filter(({ name }) => !name.includes(' '))
  const groupWords = [...groups].map(([group, members]) =>
    described(group, members.map(secondWord).join(', ')),
  )
  const first = [...single.map(({ name, summary }) => described(name, summary)), ...groupWords]
  return `#compdef holdfast
_holdfast_ask() {
  local -a found
  found=(\${(f)"$(holdfast __complete "$1" "$PREFIX" 2>/dev/null)"} "\${@[2,-1]}")
  found=("\${(@)found//:/\\\\:}")
  found=("\${(@)found/$'\\t'/:}")
  _describe "$1" found
}
_holdfast() {
  local name=\${words[2]} before=\${words[CURRENT-1]} at=2
  local -a offered flags
  case $name in
    (${[...groups.keys()].join('|')}) (( CURRENT > 3 )) && name="$name \${words[3]}" && at=3 ;;
  esac
  case $name in
${commands.map(({ name, options: own }) => `    (${quoted(name)}) flags=(${flagsOf(own)}) ;;`).join('\n')}
    (*) flags=(${flagsOf(options)}) ;;
  esac
  if (( CURRENT == 2 )); then
    offered=(${first.join(' ')})
    _describe command offered
    _describe -o option flags
    return
  fi
  case "$name $before" in
${commands.flatMap(valueCases).join('\n')}
  esac
  if (( CURRENT == at + 1 )) && [[ $PREFIX != -* ]]; then
    case $name in
${commands.flatMap(({ name, words }) => (words === 'unknown' ? [] : [`      (${quoted(name)}) ${offer(words)}; return ;;`])).join('\n')}
${[...groups].map(([group, members]) => `      (${group}) offered=(${members.map(one => described(secondWord(one), one.summary)).join(' ')}); _describe command offered; return ;;`).join('\n')}
    esac
  fi
  if (( CURRENT > at + 1 )) && [[ $PREFIX != -* ]]; then
    case $name in
${commands.flatMap(({ name, moreWords }) => (moreWords === 'unknown' ? [] : [`      (${quoted(name)}) ${offer(moreWords)}; return ;;`])).join('\n')}
    esac
  fi
  _describe -o option flags
}
if [[ $funcstack[1] == _holdfast ]]; then
  _holdfast "$@"
else
  compdef _holdfast holdfast
fi
`
}

const secondWord = ({ name }: CompletedCommand): string => name.slice(name.indexOf(' ') + 1)

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** A word and what it means; a colon parts them. */
const described = (word: string, meaning: string): string =>
  quoted(`${word.replaceAll(':', '\\:')}${meaning === '' ? '' : `:${meaning}`}`)

const flagsOf = (options: readonly CompletedOption[]): string =>
  options.map(({ flags: [long = ''], summary }) => described(long, summary)).join(' ')

/** What follows the options of a command that take a value. */
function valueCases({ name, options }: CompletedCommand): string[] {
  const taking = options.filter(({ values }) => values !== undefined)
  return [...Map.groupBy(taking, ({ values }) => keyOf(values)).values()].map(alike => {
    const patterns = alike.flatMap(({ flags }) => flags.map(flag => quoted(`${name} ${flag}`)))
    return `    (${patterns.join('|')}) ${offer(alike[0]?.values ?? 'unknown')}; return ;;`
  })
}

function offer(values: Values): string {
  if (values === 'unknown') return '_message value'
  if (values === 'files') return '_files'
  if (isListed(values)) return ['_holdfast_ask', values.kind, ...values.or].join(' ')
  return `compadd -- ${values.join(' ')}`
}
