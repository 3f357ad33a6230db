import { resolve } from 'node:path'
import { type ContainerdPlace, locateContainerd } from '../adapters/containerd-setup/locate.ts'
import type { Config } from '../config/config.ts'

/** Finds the containerd of this machine. Throws `HoldfastError` when its configuration cannot be understood. */
export function findContainerd({
  containerd,
}: Pick<Config, 'containerd'>): Promise<ContainerdPlace> {
  const { certsDir, configFile, registriesFile, socket } = containerd
  return locateContainerd({
    certsDir: absolute(certsDir),
    configFile: absolute(configFile),
    registriesFile: absolute(registriesFile),
    socket,
  })
}

/** What containerd is told has to hold wherever it runs. */
export const absolute = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : resolve(path)
