import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import type { ChangingFile } from '../../ports/changing-file.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import { createChangingFile } from './changing-file.ts'
import type { TlsSettings } from './settings.ts'

/**
 * Gives the TLS context for an endpoint's settings, made anew when one of its files changed. Without settings it is one shared
 * context, because each holds the authorities in memory again.
 */
export type SecureContexts = (settings: TlsSettings | undefined) => Promise<SecureContext>

interface Made {
  readonly versions: string
  readonly context: SecureContext
}

/** Makes the cache of contexts. A file that is missing or no PEM rejects as `unreachable`/`tls` and names the file. */
export function createSecureContexts(): SecureContexts {
  const files = new Map<string, ChangingFile>()
  const made = new Map<string, Made>()

  async function read(path: string | undefined): Promise<{ text?: string; version: number }> {
    if (path === undefined) return { version: 0 }
    const file = files.get(path) ?? createChangingFile(path)
    files.set(path, file)
    const present = await file.read().catch(cause => {
      throw new UpstreamFailure('unreachable', 'tls', `${path} cannot be read`, { cause })
    })
    if (present !== undefined) return present
    throw new UpstreamFailure('unreachable', 'tls', `${path} is missing`)
  }

  return async function secureContextFor(settings) {
    const { caFile, certFile, keyFile } = settings ?? {}
    const ca = await read(caFile)
    const cert = await read(certFile)
    const key = await read(keyFile)
    const name = JSON.stringify([caFile, certFile, keyFile])
    const versions = `${ca.version} ${cert.version} ${key.version}`
    const held = made.get(name)
    if (held?.versions === versions) return held.context
    const context = build(ca.text, cert.text, key.text, settings)
    made.set(name, { versions, context })
    return context
  }
}

function build(
  ca: string | undefined,
  cert: string | undefined,
  key: string | undefined,
  settings: TlsSettings | undefined,
): SecureContext {
  try {
    return createSecureContext({
      ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    })
  } catch (cause) {
    const { caFile, certFile, keyFile } = settings ?? {}
    const paths = [caFile, certFile, keyFile].filter(path => path !== undefined)
    const message = `${paths.join(', ')}: not usable as PEM certificates and key`
    throw new UpstreamFailure('unreachable', 'tls', message, { cause })
  }
}
