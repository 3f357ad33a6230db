import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { readRegistries } from './k3s-registries.ts'
import type { HostsState } from './status.ts'
import { ifThere } from './whole-file.ts'

/** K3s' own distribution listens where its supervisor does: https://docs.k3s.io/installation/registry-mirror */
const supervisor = /^https:\/\/127\.0\.0\.1:\d+\/v2$/

/**
 * Registries that the nodes of K3s answer before any endpoint of `registries.yaml`: those whose files K3s wrote so, and, on a server that
 * is configured to it and was not started since, all that the file has mirrors of.
 */
export async function embeddedRegistries(
  registriesYaml: string,
  states: readonly HostsState[],
): Promise<readonly string[]> {
  const written = states
    .filter(({ owner, asks }) => owner === 'k3s' && supervisor.test(asks[0] ?? ''))
    .map(({ registry }) => registry)
  if (!(await isEmbedded(join(dirname(registriesYaml), 'config.yaml')))) return written
  const text = (await ifThere(readFile(registriesYaml, 'utf8'))) ?? ''
  return [...new Set([...written, ...readRegistries(text, registriesYaml).mirrored])]
}

async function isEmbedded(path: string): Promise<boolean> {
  const text = await ifThere(readFile(path, 'utf8'))
  if (text === undefined) return false
  try {
    const config: unknown = parse(text, { prettyErrors: false })
    return (config as Record<string, unknown> | null)?.['embedded-registry'] === true
  } catch {
    return false // K3s tells of it, and does not start
  }
}
