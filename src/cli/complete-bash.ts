import {
  type CompletedCommand,
  type CompletedOption,
  type Completions,
  isListed,
  keyOf,
  type Values,
} from './completions.ts'

/**
 * For bash: a function that puts what fits into `COMPREPLY`. bash parts words at colons and equals signs (`COMP_WORDBREAKS`); they are put
 * together again, and only what stands after the last colon is offered. Names come from nodes: none is ever evaluated.
 */
export function bashScript({ commands, options, groups }: Completions): string {
  const first = [...new Set(commands.map(({ name }) => name.split(' ')[0]))].join(' ')
  return `_holdfast_offer() {
  local word colon=
  [[ $COMP_WORDBREAKS == *:* ]] && colon=\${current%"\${current##*:}"}
  while IFS=$'\\t' read -r word _; do
    [[ -n $word && $word == "$current"* ]] || continue
    printf -v word %q "$word"
    COMPREPLY+=("\${word#"$colon"}")
  done
}
_holdfast_ask() {
  local kind=$1
  shift
  _holdfast_offer < <(holdfast __complete "$kind" "$current" 2>/dev/null; [[ $# -gt 0 ]] && printf '%s\\n' "$@")
}
_holdfast_files() {
  compopt -o filenames 2>/dev/null
  local file
  while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$current")
}
_holdfast() {
  local current before name flags word last= at=1
  local -a typed=()
  for word in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    if [[ $word == = ]]; then
      typed+=('')
    elif [[ \${#typed[@]} -gt 0 && ( $word == : || $last == : || $last == = ) ]]; then
      typed[\${#typed[@]}-1]+=$word
    else
      typed+=("$word")
    fi
    last=$word
  done
  local end=$((\${#typed[@]} - 1))
  current=\${typed[end]} before=\${typed[end-1]} name=\${typed[1]}
  COMPREPLY=()
  case $name in
    ${[...groups.keys()].join('|')}) [[ $end -gt 2 ]] && name="$name \${typed[2]}" && at=2 ;;
  esac
  case "$name $before" in
${valueCases(commands).join('\n')}
  esac
  if [[ $end -eq $((at + 1)) && $current != -* ]]; then
    case $name in
${commands.flatMap(({ name, words }) => (words === 'unknown' ? [] : offer(`'${name}'`, words))).join('\n')}
    esac
  fi
  if [[ $end -gt $((at + 1)) && $current != -* ]]; then
    case $name in
${commands.flatMap(({ name, moreWords }) => (moreWords === 'unknown' ? [] : offer(`'${name}'`, moreWords))).join('\n')}
    esac
  fi
  case $name in
${commands.map(command => `    '${command.name}') flags='${flagsOf(command.options)}' ;;`).join('\n')}
${[...groups].map(([group, members]) => `    '${group}') flags='${secondWords(members)}' ;;`).join('\n')}
    *) flags='${flagsOf(options)}' ;;
  esac
  [[ $end -eq 1 ]] && flags='${first} ${flagsOf(options)}'
  COMPREPLY=($(compgen -W "$flags" -- "$current"))
  return 0
}
complete -F _holdfast holdfast
`
}

/** Options by their long names; who types a short one needs no help. */
const flagsOf = (options: readonly CompletedOption[]): string =>
  options.map(({ flags: [long] }) => long).join(' ')

const secondWords = (members: readonly CompletedCommand[]): string =>
  members.map(({ name }) => name.slice(name.indexOf(' ') + 1)).join(' ')

/** What follows an option; those of one command before those that mean the same in all others. */
function valueCases(commands: readonly CompletedCommand[]): string[] {
  const places = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flags, values }) => flags.map(flag => ({ name, flag, values }))),
  )
  const own: string[] = []
  const shared: string[] = []
  for (const [flag, all] of Map.groupBy(places, place => place.flag)) {
    const byValues = [...Map.groupBy(all, ({ values }) => keyOf(values)).values()]
    const [most = [], ...rest] = byValues.toSorted((a, b) => b.length - a.length)
    const [usual] = most
    if (usual?.values !== undefined) shared.push(...offer(`*' ${flag}'`, usual.values))
    for (const { name, values } of rest.flat()) {
      const pattern = `'${name} ${flag}'`
      own.push(...(values === undefined ? [`    ${pattern}) ;;`] : offer(pattern, values)))
    }
  }
  return [...own, ...shared]
}

/** A case that ends with what fits. */
function offer(pattern: string, values: Values): string[] {
  if (values === 'unknown') return [`    ${pattern}) return ;;`]
  return [`    ${pattern}) ${offering(values)}; return ;;`]
}

function offering(values: Exclude<Values, 'unknown'>): string {
  if (values === 'files') return '_holdfast_files'
  if (isListed(values)) return ['_holdfast_ask', values.kind, ...values.or].join(' ')
  return `COMPREPLY=($(compgen -W '${values.join(' ')}' -- "$current"))`
}
