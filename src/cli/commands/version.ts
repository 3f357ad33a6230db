import type { RunCommand } from '../command.ts'
import { print } from '../print.ts'
import { readVersion } from '../version.ts'

/** `holdfast version` */
export const run: RunCommand = async context => {
  const versions = { holdfast: await readVersion(), node: process.versions.node }
  print(context, versions, () => [`holdfast ${versions.holdfast} (Node ${versions.node})`])
  return 'ok'
}
