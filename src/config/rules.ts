import { LRUCache } from 'lru-cache'
import { formatTag, type Repository, type TagReference } from '../oci/reference.ts'
import type { Config } from './config.ts'
import { type ImagePattern, isPatternFault, parseImagePattern } from './image-pattern.ts'

/** How one tag is resolved: its rule laid over its upstream's policies, and those over the defaults. */
export interface TagSettings {
  /** A confirmation younger than this is answered without asking; ms, 0 = always ask. */
  readonly freshForMs: number
  readonly policies: Config['resolve']['onFailure']
  /** As a last resort, the newest complete image of the repository, whatever its tag. */
  readonly newestInRepository: boolean
}

interface RuleInput extends Pick<Config, 'resolve'> {
  /** By canonical name. */
  readonly upstreams: Readonly<Record<string, Pick<Config['upstreams'][string], 'policies'>>>
}
type Rule = Config['resolve']['rules'][number] & { readonly pattern: ImagePattern }

const maxRemembered = 10_000

/** The settings of each tag by `resolve.rules`, the first match alone; what was worked out is remembered. */
export function compileTagSettings({
  resolve,
  upstreams,
}: RuleInput): (key: TagReference) => TagSettings {
  const rules = compile(resolve.rules)
  const remembered = new LRUCache<string, TagSettings>({ max: maxRemembered })

  function settle(key: TagReference): TagSettings {
    const rule = rules.find(({ pattern }) => pattern.matches(key))
    const upstream = upstreams[key.registry] ?? upstreams['*']
    return {
      freshForMs: rule?.freshForMs ?? resolve.freshForMs,
      policies: { ...resolve.onFailure, ...upstream?.policies, ...rule?.onFailure },
      newestInRepository: rule?.newestInRepository ?? false,
    }
  }

  return key => {
    const name = formatTag(key)
    const known = remembered.get(name)
    if (known !== undefined) return known
    const settings = settle(key)
    remembered.set(name, settings)
    return settings
  }
}

/**
 * Whether a repository is private: the first rule that says `private` and whose repository part matches decides. Nothing is
 * inferred from credentials.
 */
export function compileIsPrivate({
  resolve,
}: Pick<Config, 'resolve'>): (repository: Repository) => boolean {
  const rules = compile(resolve.rules).filter(rule => rule.private !== undefined)
  return repository =>
    rules.find(({ pattern }) => pattern.matchesRepository(repository))?.private === 'deny'
}

/** Whether any rule makes repositories private. */
export function hasPrivate({ resolve }: Pick<Config, 'resolve'>): boolean {
  return resolve.rules.some(rule => rule.private === 'deny')
}

const compile = (rules: Config['resolve']['rules']): readonly Rule[] =>
  rules.map(rule => ({ ...rule, pattern: compilePattern(rule.match) }))

function compilePattern(text: string): ImagePattern {
  const pattern = parseImagePattern(text)
  if (isPatternFault(pattern)) throw new TypeError(`${JSON.stringify(text)} ${pattern.problem}`)
  return pattern
}
