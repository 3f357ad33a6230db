import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

interface Definition {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly additionalProperties?: unknown
  readonly 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[]
}

interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

const prefix = '#/definitions/'

/**
 * Writes a JSON Schema for each of these kinds (`apps/v1 DaemonSet`, `v1 Secret`) as kubeconform looks for it, out of the OpenAPI document of
 * Kubernetes. Fields that Kubernetes does not know are refused, as a server refuses them that is asked strictly.
 */
export async function writeSchemas(
  openApiFile: string,
  kinds: readonly string[],
  directory: string,
): Promise<void> {
  const { definitions } = JSON.parse(await readFile(openApiFile, 'utf8')) as {
    readonly definitions: Readonly<Record<string, Definition>>
  }
  await mkdir(directory, { recursive: true })
  for (const [name, definition] of Object.entries(definitions)) {
    const known = definition['x-kubernetes-group-version-kind'] ?? []
    for (const one of known.filter(gvk => kinds.includes(idOf(gvk)))) {
      const text = JSON.stringify(schemaOf(definitions, name))
      await writeFile(join(directory, fileNameOf(one)), text)
    }
  }
}

const idOf = ({ group, version, kind }: GroupVersionKind): string =>
  `${group === '' ? version : `${group}/${version}`} ${kind}`

function fileNameOf({ group, version, kind }: GroupVersionKind): string {
  const suffix = group === '' ? version : `${group.split('.')[0]}-${version}`
  return `${kind.toLowerCase()}-${suffix}.json`
}

function schemaOf(definitions: Readonly<Record<string, Definition>>, name: string): object {
  const within = [...reach(definitions, name)].map(one => [one, strict(one, definitions[one])])
  return { $ref: `${prefix}${name}`, definitions: Object.fromEntries(within) }
}

/** What a definition is made of, itself included. */
function reach(
  definitions: Readonly<Record<string, Definition>>,
  name: string,
  seen = new Set<string>(),
): ReadonlySet<string> {
  if (seen.has(name)) return seen
  seen.add(name)
  const text = JSON.stringify(definitions[name] ?? {})
  for (const [, next = ''] of text.matchAll(/"#\/definitions\/([^"]+)"/g)) {
    reach(definitions, next, seen)
  }
  return seen
}

function strict(name: string, definition: Definition | undefined): unknown {
  if (name.endsWith('.IntOrString')) return { type: ['integer', 'string'] }
  if (definition?.properties === undefined || definition.additionalProperties !== undefined) {
    return definition
  }
  return { ...definition, additionalProperties: false }
}
