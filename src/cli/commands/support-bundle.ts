import { lstat, writeFile } from 'node:fs/promises'
import { writeReason } from '../../config/file-words.ts'
import { findAdmin } from '../admin-address.ts'
import { type AdminApi, createAdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { hearAll, tellUnheard, type Unheard } from '../each-node.ts'
import { type DiagnosticsAnswer, diagnosticsAnswer } from '../node-answers.ts'
import { nodePath } from '../node-words.ts'
import { formatBytes } from '../print.ts'

/** A node, and what it told or why it told nothing. */
type Told = { readonly node: string } & ({ readonly answer: DiagnosticsAnswer } | Unheard)

const what = 'diagnostics'
const stdout = '/dev/stdout'
const ask = (api: AdminApi, path: string) => api.get(path, {}, diagnosticsAnswer)

/** `holdfast support-bundle` */
export const run: RunCommand = async context => {
  const { options, terminal, parts } = context
  const at = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const file = options['output-file'] ?? `holdfast-support-${at}.tar.gz`
  await mustBeFree(file)
  const told = await hear(context)
  const nodes = told.map(one => filesOf(one))
  const manifest = { name: 'MANIFEST.txt', text: manifestOf(told, nodes.flat()) }
  const { packSupport } = await parts.loadSupport()
  const bytes = await packSupport([manifest, ...nodes.flat()])
  try {
    await writeFile(file, bytes, { mode: 0o600, flag: file === stdout ? 'w' : 'wx' })
  } catch (cause) {
    throw new CommandFailure('failed', `${file} was not written: ${writeReason(cause)}`, cause)
  }
  const unheard = told.filter(one => 'error' in one)
  for (const one of unheard) terminal.err(`holdfast: ${one.node}: ${tellUnheard(one)}\n`)
  terminal.err(`holdfast: ${nodes.flat().length} files, ${formatBytes(bytes.length)}\n`)
  terminal.out(`${file}\n`)
  return unheard.some(({ code }) => code !== 'ok') ? 'unreachable' : 'ok'
}

/** Throws `CommandFailure` with `usage` where something lies at the path already. */
async function mustBeFree(file: string): Promise<void> {
  const isFree = file === stdout || (await lstat(file).catch(() => undefined)) === undefined
  if (!isFree) throw new CommandFailure('usage', `${file} is there already: name another file`)
}

async function hear(context: CommandContext): Promise<readonly Told[]> {
  const path = nodePath(context, what)
  const api = createAdminApi(await findAdmin(context))
  if (context.options['node'] === 'all') return (await hearAll(api, { what, ask })).heard
  const answer = await ask(api, path)
  return [{ node: answer.node, answer }]
}

interface BundleFile {
  readonly name: string
  readonly text: string
  readonly what: string
}

function filesOf(told: Told): readonly BundleFile[] {
  if ('error' in told) return []
  const dir = directoryOf(told.node)
  return told.answer.parts.map(({ name, what, json, text, error }) => {
    if (error != null) return { name: `${dir}/${safe(name)}.failed`, text: `${error}\n`, what }
    const written = text ?? `${JSON.stringify(json, null, 2)}\n`
    return { name: `${dir}/${safe(name)}`, text: written, what }
  })
}

/** Names come from other nodes: none leads out of the place where it is unpacked. */
const safe = (name: string): string => name.replaceAll(/[^\w.-]/g, '_').replace(/^\.+/, '_')
const directoryOf = (node: string): string => safe(node) || 'node'

function manifestOf(told: readonly Told[], files: readonly BundleFile[]): string {
  return [
    'What Holdfast knows that helps to find out what is wrong with a node.',
    'There are no tokens, passwords, keys and images in it: the configuration is masked, and the log holds no credentials.',
    'There are names in it: of nodes, images, registries and callers, and addresses. Look through it before you hand it on.',
    '',
    ...told.map(one =>
      'error' in one ? `${one.node}: ${tellUnheard(one)}` : `${one.node}: as of ${one.answer.asOf}`,
    ),
    '',
    ...files.map(({ name, what }) => `${name}: ${what}`),
    '',
  ].join('\n')
}
