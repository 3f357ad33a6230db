import type { RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import type { Program } from '../containerd-setup.ts'
import { fallbackOf, openSetup, orFail, readTargets } from '../containerd-words.ts'
import { print } from '../print.ts'

const programs: readonly Program[] = ['containerd', 'podman', 'crio', 'docker']

/** `holdfast containerd print` */
export const run: RunCommand = async context => {
  const { words, options } = context
  const program = readProgram(options['for'])
  const fallback = fallbackOf(options['fallback'])
  const targets = readTargets(options['target'])
  const setup = await openSetup(context)
  const files = await orFail(setup.print({ program, registries: words, fallback, targets }))
  print(context, { files }, () =>
    files.flatMap(({ path, text }) => [`==> ${path} <==`, text.trimEnd(), '']),
  )
  return 'ok'
}

function readProgram(text = 'containerd'): Program {
  const program = programs.find(one => one === text)
  if (program !== undefined) return program
  const message = `--for ${JSON.stringify(text)}: there are ${programs.join(', ')}`
  throw new CommandFailure('usage', message)
}
