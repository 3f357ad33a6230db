/** What a wildcard stands for: characters of one component, any characters, or whole components with the slash behind each. */
interface Wildcard {
  readonly of: 'component' | 'path' | 'components'
  /** Characters or components it stands for at the least. */
  readonly least: 0 | 1
}

/** A text that stands for itself, or a wildcard. */
type Part = string | Wildcard

/**
 * Compiles a glob: `*` stands for anything within one component, `**` also across slashes; as a whole component `**` stands for at least
 * one, between two others also for none. The work of one match is bounded by the length of the glob times that of the text, whoever wrote
 * the glob: some come from other nodes.
 */
export function compileGlob(glob: string): (text: string) => boolean {
  const parts = partsOf(glob.split('/'))
  return text => matches(parts, text)
}

function partsOf(components: readonly string[]): readonly Part[] {
  const last = components.length - 1
  return components.flatMap((component, index): readonly Part[] => {
    if (component !== '**') return [...globParts(component), ...(index === last ? [] : ['/'])]
    if (index === last) return [{ of: 'path', least: 1 }]
    return [{ of: 'components', least: index === 0 ? 1 : 0 }]
  })
}

const globParts = (component: string): readonly Part[] =>
  component
    .split(/(\*+)/)
    .filter(part => part !== '')
    .map(part => {
      if (!part.startsWith('*')) return part
      return { of: part === '*' ? 'component' : 'path', least: 0 }
    })

function matches(parts: readonly Part[], text: string): boolean {
  /** Where the text behind a wildcard was tried to begin, by part and place, and did not match. */
  const tried = new Set<number>()

  function matchesFrom(index: number, start: number): boolean {
    let at = start
    for (let i = index; i < parts.length; i++) {
      const part = parts[i]
      if (typeof part === 'object') return matchesBehind(i, part, at)
      if (part === undefined || !text.startsWith(part, at)) return false
      at += part.length
    }
    return at === text.length
  }

  function matchesBehind(index: number, wildcard: Wildcard, start: number): boolean {
    for (let end = endOf(wildcard, start); end !== undefined; end = nextEnd(wildcard, end)) {
      const name = index * (text.length + 1) + end
      if (tried.has(name)) return false // and so was all that follows
      tried.add(name)
      if (matchesFrom(index + 1, end)) return true
    }
    return false
  }

  /** The nearest end of a wildcard that begins at `start`; then the next one, until there is none. */
  const endOf = (wildcard: Wildcard, start: number): number | undefined =>
    wildcard.least === 0 ? start : nextEnd(wildcard, start)

  function nextEnd({ of }: Wildcard, end: number): number | undefined {
    if (of === 'components') {
      const slash = text.indexOf('/', end + 1)
      return slash < 0 ? undefined : slash + 1
    }
    if (end >= text.length || (of === 'component' && text[end] === '/')) return undefined
    return end + 1
  }

  return matchesFrom(0, 0)
}
