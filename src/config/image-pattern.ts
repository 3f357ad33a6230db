import {
  isTag,
  looksLikeRegistry,
  parseRegistry,
  type Repository,
  type TagReference,
} from '../oci/reference.ts'
import { compileGlob } from './glob.ts'

/**
 * A pattern on image names, as in `docker.io/library/*:latest`. `*` stands for anything within one component, `**` also across
 * slashes; without `:tag` every tag matches. The first component is the registry.
 */
export interface ImagePattern {
  readonly text: string
  /** The one way to write it: what means the same by its names is the same text. */
  readonly canonical: string
  /** All names that match begin so, as `registry/repository:tag`. */
  readonly beginning: string
  matches(key: TagReference): boolean
  /** The part before the tag alone. */
  matchesRepository(repository: Repository): boolean
}

/** Why a text is no pattern, and what to write in its place. */
export interface PatternFault {
  readonly problem: string
  readonly cure: string
}

/** Compiles a pattern, or tells what is wrong with it. */
export function parseImagePattern(text: string): ImagePattern | PatternFault {
  const { name, tag } = splitTag(text)
  const components = name.split('/')
  const fault = faultOf(components, tag)
  if (fault !== undefined) return fault
  const [registry = '', ...rest] = components
  const path =
    rest.length === 0 ? registry : [canonical(registry), ...implied(registry, rest)].join('/')
  const isRepository = compileGlob(path)
  const isTagMeant = tag === undefined ? () => true : compileGlob(tag)
  const matchesRepository = ({ registry, repository }: Repository): boolean =>
    isRepository(`${registry}/${repository}`)
  return {
    text,
    canonical: tag === undefined ? path : `${path}:${tag}`,
    beginning: beforeWildcard(`${path}:${tag ?? '*'}`),
    matchesRepository,
    matches: key => isTagMeant(key.tag) && matchesRepository(key),
  }
}

/** Tells the two results of {@link parseImagePattern} apart. */
export function isPatternFault(result: ImagePattern | PatternFault): result is PatternFault {
  return 'problem' in result
}

function splitTag(text: string): { name: string; tag: string | undefined } {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1)
  return colon < 0
    ? { name: text, tag: undefined }
    : { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}

const wildcard = /\*/

const beforeWildcard = (glob: string): string => glob.split('*', 1)[0] ?? ''

const matchesOneComponent = ([first = '', ...others]: readonly string[]): boolean =>
  others.length === 0 && first.includes('*') && !first.includes('**')

function faultOf(components: readonly string[], tag: string | undefined): PatternFault | undefined {
  const [registry = '', ...rest] = components
  if (rest.length === 0 && registry !== '**') {
    return {
      problem: 'names no repository',
      cure: `write ${registry || 'docker.io'}/** for all of a registry`,
    }
  }
  if (!isRegistryPart(registry)) {
    return {
      problem: `begins with ${JSON.stringify(registry)}, which is no registry`,
      cure: `write docker.io/${components.join('/')}, or */… for any registry`,
    }
  }
  if (canonical(registry) === 'docker.io' && matchesOneComponent(rest)) {
    return {
      problem: 'matches nothing, for every name on docker.io has two components',
      cure: `write docker.io/library/${rest[0]} or docker.io/**`,
    }
  }
  if (!rest.every(part => /^[a-z0-9*]([a-z0-9._*-]*[a-z0-9*])?$/.test(part))) {
    return { problem: 'is no repository name', cure: 'lower-case letters, digits, . _ - and *' }
  }
  if (tag !== undefined && !isTag(tag.replaceAll('*', 'x'))) {
    return {
      problem: `has no tag after the colon: ${JSON.stringify(tag)}`,
      cure: 'write :latest or :*',
    }
  }
  return undefined
}

function isRegistryPart(text: string): boolean {
  if (wildcard.test(text)) return /^[a-z0-9.:*[\]-]+$/i.test(text)
  return looksLikeRegistry(text) && parseRegistry(text) !== undefined
}

const canonical = (registry: string): string =>
  wildcard.test(registry) ? registry.toLowerCase() : (parseRegistry(registry) ?? registry)

/** Docker Hub's one-word names lie under `library/`. */
function implied(registry: string, rest: readonly string[]): readonly string[] {
  const [first = ''] = rest
  const isShort = canonical(registry) === 'docker.io' && rest.length === 1 && !wildcard.test(first)
  return isShort ? ['library', ...rest] : rest
}
