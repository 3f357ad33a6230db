import { access, constants, readFile } from 'node:fs/promises'
import { layOver, originAmong } from './assignments.ts'
import { checkTogether } from './check.ts'
import { type Config, completeConfig } from './config.ts'
import { readEnvironment } from './environment.ts'
import { type Fault, type Finding, faultAt, inOrder, type Origin } from './faults.ts'
import { fileReason } from './file-words.ts'
import { type Flag, readFlags } from './flags.ts'
import { expandPaths, listPaths } from './paths.ts'
import { readValue } from './read-value.ts'
import { type ConfigValues, rootNode } from './schema.ts'
import { isMapping, type Path } from './schema-node.ts'
import { parseConfigFile, type WrittenFile } from './yaml-file.ts'

/** Where the configuration is written: the file is overridden by the environment, and that by flags. */
export interface ConfigSources {
  /** Path of the YAML file, and who named it. */
  readonly file: { readonly path: string; readonly origin: Origin } | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly flags: readonly Flag[]
  /** Logs go to a terminal: `log.format` is `pretty` unless it is written. */
  readonly isTerminal: boolean
}

/** A configuration that can be used, or everything that is wrong with it. */
export type LoadedConfig = (
  | { readonly config: Config; readonly faults: readonly [] }
  | { readonly config: undefined; readonly faults: readonly Fault[] }
) & {
  /** Looks for the files that the configuration names; each that cannot be read is a fault. */
  findUnreadableFiles(): Promise<readonly Fault[]>
}

/** Reads and judges the configuration. Throws nothing that a person caused: that is in `faults`, all of it at once. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const file = await readSourceFile(sources.file)
  const environment = readEnvironment(sources.env)
  const flags = readFlags(sources.flags)
  const assignments = [...environment.assignments, ...flags.assignments]
  const written = assignments.reduce<unknown>(layOver, file.value)

  const originOf = ({ path, aboutKey = false }: Pick<Finding, 'path' | 'aboutKey'>): Origin => {
    const assigned = originAmong(assignments, path)
    if (assigned !== undefined) return assigned
    return isWritten(file.value, path.slice(0, 1))
      ? file.originOf(path, aboutKey)
      : { kind: 'default' }
  }

  const findings: Finding[] = []
  const report = (finding: Finding): void => void findings.push(finding)
  const read = readValue(rootNode, written, report) as ConfigValues
  const misread = findings.map(({ path }) => path)
  checkTogether(read, {
    isWritten: path => isWritten(written, path),
    isSound: path => !misread.some(other => overlap(path, other)),
    report,
  })

  const faults = inOrder([
    ...file.faults,
    ...environment.faults,
    ...flags.faults,
    ...findings.map(finding => faultAt(finding, originOf(finding))),
  ])
  // What was misread is absent, and so is a data directory that was.
  const values = expandPaths(rootNode, read, read.dataDir ?? '.') as ConfigValues
  const findUnreadableFiles = () => findUnreadable(values, originOf)
  if (faults.length > 0) return { config: undefined, faults, findUnreadableFiles }
  const prettyLog = sources.isTerminal && !isWritten(written, ['log', 'format'])
  return { config: completeConfig(values, { prettyLog }), faults: [], findUnreadableFiles }
}

async function readSourceFile(source: ConfigSources['file']): Promise<WrittenFile> {
  const nothing = { value: {}, faults: [], originOf: () => ({ kind: 'default' }) as const }
  if (source === undefined) return nothing
  try {
    return parseConfigFile(await readFile(source.path, 'utf8'), source.path)
  } catch (error) {
    const problem = `the configuration file ${source.path} cannot be read: ${fileReason(error)}`
    return { ...nothing, faults: [{ path: '', origin: source.origin, problem }] }
  }
}

async function findUnreadable(
  values: ConfigValues,
  originOf: (finding: Pick<Finding, 'path'>) => Origin,
): Promise<readonly Fault[]> {
  const required = listPaths(rootNode, values).filter(({ isRequired }) => isRequired)
  const faults = required.map(async ({ path, value }): Promise<Fault | undefined> => {
    try {
      await access(value, constants.R_OK)
      return undefined
    } catch (error) {
      const problem = `cannot be read: ${fileReason(error)}`
      return faultAt({ path, problem, shown: JSON.stringify(value) }, originOf({ path }))
    }
  })
  return (await Promise.all(faults)).filter(fault => fault !== undefined)
}

const overlap = (a: Path, b: Path): boolean =>
  a.slice(0, b.length).every((part, index) => part === b[index])

function isWritten(tree: unknown, path: Path): boolean {
  const [name, ...rest] = path
  if (name === undefined) return tree !== undefined && tree !== null
  return isMapping(tree) && isWritten(tree[name], rest)
}
