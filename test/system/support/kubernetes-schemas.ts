import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { run } from './process.ts'
import { chartTools } from './requirements.ts'

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
/** Defined by whom they belong to, and not by Kubernetes. */
export const foreignKinds: readonly string[] = [
  'PodMonitor',
  'ServiceMonitor',
  'PrometheusRule',
  'CiliumNetworkPolicy',
]

/** How many objects were judged. Rejects with what is wrong in these YAML texts by Kubernetes' own schemas. */
export async function judgeObjects(texts: readonly string[]): Promise<number> {
  const objects = texts
    .flatMap(text => parseAllDocuments(text).map(document => document.toJS()))
    .filter(object => object !== null && !foreignKinds.includes(object.kind))
  const kinds = new Set(objects.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`))
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-schemas-'))
  try {
    await writeSchemas(chartTools.definitions, [...kinds], join(dir, 'schemas'))
    for (const [index, text] of texts.entries()) {
      await mkdir(join(dir, 'objects'), { recursive: true })
      await writeFile(join(dir, 'objects', `${index}.yaml`), text)
    }
    const schemas = join(dir, 'schemas', '{{ .ResourceKind }}{{ .KindSuffix }}.json')
    const judge = ['-strict', '-summary', '-skip', foreignKinds.join(), '-schema-location', schemas]
    const said = await run(chartTools.kubeconform, [...judge, join(dir, 'objects')])
    const [, valid, wrong] = /Valid: (\d+), Invalid: 0, Errors: (\d+)/.exec(said) ?? []
    if (wrong !== '0' || Number(valid) !== objects.length) throw new Error(said)
    return objects.length
  } finally {
    await rm(dir, { recursive: true })
  }
}

/**
 * Writes a JSON Schema for each of these kinds (`apps/v1 DaemonSet`, `v1 Secret`) as kubeconform looks for it, out of the OpenAPI document of
 * Kubernetes. Fields that Kubernetes does not know are refused, as a server refuses them that is asked strictly.
 */
async function writeSchemas(
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
