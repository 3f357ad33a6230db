import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { run } from './process.ts'
import { chartTools } from './requirements.ts'

export const chartDirectory: string = join(import.meta.dirname, '../../../helm/holdfast')

/** An object as it goes to the API server. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** What becomes of values. */
export interface Rendering {
  /** As helm printed it. */
  readonly text: string
  readonly objects: readonly KubernetesObject[]
  /** The one object of a kind; its name where there are several. Throws where there is not one. */
  one<T>(kind: string, name?: string): KubernetesObject & T
  all(kind: string): readonly KubernetesObject[]
}

/**
 * Renders the chart as a release in the namespace `ship`, with the hooks of uninstall, as a cluster gets it. Rejects with what helm says.
 */
export async function render(
  values: object = {},
  {
    kubeVersion = '1.36.0',
    more = [] as readonly string[],
    env = process.env,
    name = 'release',
  } = {},
): Promise<Rendering> {
  const args = [...release(values, { name }), ...more]
  const version = kubeVersion === '' ? [] : ['--kube-version', kubeVersion]
  return read(await run(chartTools.helm, ['template', ...args, ...version], { env }))
}

/** What is told to who installs the chart with these values. `helm install` alone tells it, and asks a cluster first, so it is rendered as an object. */
export async function notesOf(values: object): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-notes-'))
  try {
    await cp(chartDirectory, dir, { recursive: true })
    const file = join(dir, 'templates', 'NOTES.txt')
    const notes = `{{ define "notes" }}${await readFile(file, 'utf8')}{{ end }}`
    const object = 'kind: Notes\nnotes: {{ include "notes" . | toJson }}\n'
    await writeFile(join(dir, 'templates', 'notes.yaml'), notes + object)
    const args = [
      'template',
      ...release(values, { chart: dir }),
      '--show-only',
      'templates/notes.yaml',
    ]
    return read(await run(chartTools.helm, args)).one<{ notes: string }>('Notes').notes
  } finally {
    await rm(dir, { recursive: true })
  }
}

function release(values: object, { name = 'release', chart = chartDirectory }): readonly string[] {
  const set = Object.entries({ 'uninstall.hooks': 'always', ...values }).flatMap(
    ([path, value]) => ['--set-json', `${path}=${JSON.stringify(value)}`],
  )
  return [name, chart, '--namespace', 'ship', ...set]
}

function read(text: string): Rendering {
  // As Kubernetes reads it: 0400 is octal there.
  const objects = parseAllDocuments(text, { version: '1.1' })
    .map(document => document.toJS() as KubernetesObject | null)
    .filter(object => object !== null)
  const all = (kind: string) => objects.filter(object => object.kind === kind)
  return {
    text,
    objects,
    all,
    one<T>(kind: string, name?: string) {
      const found = all(kind).filter(({ metadata }) => name === undefined || metadata.name === name)
      const [object] = found
      if (object === undefined || found.length > 1) {
        throw new Error(`${found.length} of ${kind} ${name ?? ''}`)
      }
      return object as KubernetesObject & T
    },
  }
}
