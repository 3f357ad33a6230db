import { keys } from '../config/keys.ts'
import type { Option, Vocabulary } from './command.ts'

/** Shells that can be told what may be typed. */
export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** A script that has a shell complete the names of commands and options; what is a file is completed as one. */
export function completionScript(shell: Shell, vocabulary: Vocabulary): string {
  return shell === 'fish' ? fishScript(vocabulary) : bashScript(vocabulary, shell === 'zsh')
}

const isFile = ({ value }: Option): boolean => value === 'FILE' || value === 'DIR'
const flags = (options: readonly { readonly name: string }[]): string =>
  options.map(({ name }) => `--${name}`).join(' ')
const ofConfig = keys.filter(({ isGroup }) => !isGroup).map(({ flag }) => ({ name: flag }))

/** Commands of two words, by the first. */
function groupsOf({ commands }: Vocabulary): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>()
  for (const { name } of commands) {
    const [first = '', second] = name.split(' ')
    if (second !== undefined) groups.set(first, [...(groups.get(first) ?? []), second])
  }
  return groups
}

/** Also for zsh, which takes the completions of bash. */
function bashScript(vocabulary: Vocabulary, isZsh: boolean): string {
  const groups = groupsOf(vocabulary)
  const first = [...new Set(vocabulary.commands.map(({ name }) => name.split(' ')[0]))].join(' ')
  const names = [...groups.keys()].join('|')
  const files = vocabulary.commands.flatMap(({ options }) => options.filter(isFile))
  // One command writes its result to a file by the option that says the form of all others' results.
  const written = vocabulary.commands.filter(({ options }) =>
    options.some(option => option.name === 'output' && isFile(option)),
  )
  const afterFile = new Set(
    files
      .filter(({ name }) => name !== 'output')
      .flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]),
  )
  const general = flags(vocabulary.options)
  const cases = vocabulary.commands.map(({ name, options }) => {
    const all = [...options, ...(name === 'serve' ? ofConfig : [])]
    return `    '${name}') words='${flags(all)}' ;;`
  })
  return `${isZsh ? 'autoload -Uz bashcompinit && bashcompinit\n' : ''}_holdfast() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} name=\${COMP_WORDS[1]} words
  COMPREPLY=()
  case $name in
    ${names}) [[ $COMP_CWORD -gt 2 ]] && name="$name \${COMP_WORDS[2]}" ;;
  esac
  case $before in
    ${[...afterFile].join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --output|-o)
      case $name in
        ${written.map(({ name }) => name).join('|')}) COMPREPLY=($(compgen -f -- "$current")) ;;
        *) COMPREPLY=($(compgen -W 'text json yaml' -- "$current")) ;;
      esac
      return ;;
  esac
  case $name in
${cases.join('\n')}
${[...groups].map(([group, words]) => `    '${group}') words='${words.join(' ')}' ;;`).join('\n')}
    *) words='${general}' ;;
  esac
  [[ $COMP_CWORD -eq 1 ]] && words='${first} ${general}'
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ -z \${COMPREPLY[*]} && $COMP_CWORD -gt 1 && $current != -* ]] && COMPREPLY=($(compgen -f -- "$current"))
  return 0
}
complete -o filenames -F _holdfast holdfast
`
}

function fishScript({ commands, options }: Vocabulary): string {
  const groups = groupsOf({ commands, options })
  const lines = [...groups.keys()].map(group => `-n __fish_use_subcommand -f -a ${group}`)
  for (const command of commands) {
    const words = command.name.split(' ')
    const [first, second] = words
    const seen = words.map(word => `__fish_seen_subcommand_from ${word}`).join('; and ')
    const place =
      second === undefined
        ? `-n __fish_use_subcommand -f -a ${first}`
        : `-n "__fish_seen_subcommand_from ${first}" -f -a ${second}`
    lines.push(`${place} -d ${quoted(command.summary)}`)
    const own = command.options.filter(({ name }) => !options.some(one => one.name === name))
    for (const option of own) lines.push(`-n "${seen}" ${fishOption(option)}`)
  }
  lines.push(...options.map(fishOption))
  return lines.map(line => `complete -c holdfast ${line}\n`).join('')
}

function fishOption(option: Option): string {
  const { name, short, value, summary } = option
  const word = `-l ${name}${short === undefined ? '' : ` -s ${short}`}`
  const argument = isFile(option) ? ' -r -F' : ' -x'
  return `${word}${value === undefined ? '' : argument} -d ${quoted(summary)}`
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
