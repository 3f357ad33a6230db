import type { CompletedCommand, CompletedOption, Completions, Values } from './completion.ts'

/** Makes words out of what stands for a value. */
const nodes = '$(holdfast completion nodes 2>/dev/null)'

/** For bash: a function that puts what fits into `COMPREPLY`. */
export function bashScript({ commands, options, groups }: Completions): string {
  const first = [...new Set(commands.map(({ name }) => name.split(' ')[0]))].join(' ')
  return `_holdfast() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} name=\${COMP_WORDS[1]} words at=1
  COMPREPLY=()
  case $name in
    ${[...groups.keys()].join('|')}) [[ $COMP_CWORD -gt 2 ]] && name="$name \${COMP_WORDS[2]}" && at=2 ;;
  esac
  case "$name $before" in
${valueCases(commands).join('\n')}
  esac
  if [[ $COMP_CWORD -eq $((at + 1)) && $current != -* ]]; then
    case $name in
${commands.flatMap(({ name, words }) => (words === 'unknown' ? [] : offer(`'${name}'`, words))).join('\n')}
    esac
  fi
  case $name in
${commands.map(command => `    '${command.name}') words='${flagsOf(command.options)}' ;;`).join('\n')}
${[...groups].map(([group, members]) => `    '${group}') words='${secondWords(members)}' ;;`).join('\n')}
    *) words='${flagsOf(options)}' ;;
  esac
  [[ $COMP_CWORD -eq 1 ]] && words='${first} ${flagsOf(options)}'
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  return 0
}
complete -o filenames -F _holdfast holdfast
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
    const byValues = [...Map.groupBy(all, ({ values }) => String(values)).values()]
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
  const what =
    values === 'files'
      ? '-f'
      : `-W ${Array.isArray(values) ? `'${values.join(' ')}'` : `"${nodes}${values === 'nodes' ? '' : ' all'}"`}`
  return [`    ${pattern}) COMPREPLY=($(compgen ${what} -- "$current")); return ;;`]
}
