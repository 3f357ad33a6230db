import { OciError } from './errors.ts'
import { parseJson } from './json.ts'
import { asObject, optionalString } from './json-field.ts'
import { isUnknownPlatform, type Platform } from './platform.ts'

const names: ReadonlySet<string> = new Set(['os', 'architecture', 'variant', 'os.version'])

/** It is shown to people, and becomes part of keys. */
const wordGrammar = /^[A-Za-z0-9_.-]{1,64}$/

/**
 * The platform that the config of an image names. `undefined` when it names none, or none that can be told: no JSON, no system or no
 * architecture, `unknown`. Never throws.
 * Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties
 */
export function readConfigPlatform(bytes: Uint8Array): Platform | undefined {
  try {
    return readPlatform(bytes)
  } catch (error) {
    if (error instanceof OciError) return undefined
    throw error
  }
}

function readPlatform(bytes: Uint8Array): Platform | undefined {
  const config = asObject(parseJson(bytes), 'config', names)
  const word = (key: string): string | undefined =>
    optionalString(config, key, 'config') || undefined
  const [os, architecture] = [word('os'), word('architecture')]
  if (os === undefined || architecture === undefined) return undefined
  const [variant, osVersion] = [word('variant'), word('os.version')]
  const words = [os, architecture, variant, osVersion]
  if (!words.every(one => one === undefined || wordGrammar.test(one))) return undefined
  const platform = {
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
  }
  return isUnknownPlatform(platform) ? undefined : platform
}
