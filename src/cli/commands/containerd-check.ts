import type { RunCommand } from '../command.ts'
import type { Finding } from '../containerd-setup.ts'
import { openSetup, orFail } from '../containerd-words.ts'
import { print } from '../print.ts'

/** `holdfast containerd check` */
export const run: RunCommand = async context => {
  const setup = await openSetup(context)
  const findings = await orFail(setup.check({ pull: context.options['skip-pull'] === undefined }))
  const isFaulty = findings.some(({ level }) => level === 'fault')
  print(context, { good: !isFaulty, findings }, () => findings.flatMap(tell))
  return isFaulty ? 'faulty' : 'ok'
}

function tell({ level, what, fix }: Finding): readonly string[] {
  return [`${level.padEnd(7)}  ${what}`, ...(fix === undefined ? [] : [`         → ${fix}`])]
}
