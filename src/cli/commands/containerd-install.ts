import type { RunCommand } from '../command.ts'
import type { RegistriesEdit } from '../containerd-setup.ts'
import { fallbackOf, openSetup, orFail, outcomeRow, readTargets } from '../containerd-words.ts'
import { print } from '../print.ts'
import { columns } from '../table.ts'

/** `holdfast containerd install` */
export const run: RunCommand = async context => {
  const { words, options } = context
  const fallback = fallbackOf(options['fallback'])
  const targets = readTargets(options['target'])
  const setup = await openSetup(context)
  const { items, edit, notes } = await orFail(
    setup.install({
      registries: words,
      fallback,
      targets,
      prepend: options['prepend'] !== undefined,
      force: options['force'] !== undefined,
      write: options['write'] !== undefined,
      requireConfigPath: options['require-config-path'] !== undefined,
    }),
  )
  const isRefused = items.some(({ outcome }) => outcome === 'refused')
  const shown = { certsDir: setup.certsDir, items, ...(edit && { edit }), notes }
  print(context, shown, () => [
    ...columns(items.map(outcomeRow)),
    ...(edit === undefined ? [] : tellEdit(edit)),
    ...(isRefused ? ['nothing was written'] : notes),
  ])
  return isRefused ? 'failed' : 'ok'
}

function tellEdit({ path, outcome, text }: RegistriesEdit): readonly string[] {
  if (outcome !== 'to-be-edited') return [`${outcome}  ${path}`]
  return [`${path} is to say (--write does it):`, '', text.trimEnd(), '']
}
