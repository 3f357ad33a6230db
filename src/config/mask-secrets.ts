import { isMapping } from './schema-node.ts'

const secretKeys: ReadonlySet<string> = new Set(['password', 'token'])

/** The same tree, fit to be shown: secrets and credentials in URLs masked. */
export function maskSecrets(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/:\/\/.*@/s, '://***@')
  if (Array.isArray(value)) return value.map(maskSecrets)
  if (!isMapping(value)) return value
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    secretKeys.has(name) && item !== undefined ? '***' : maskSecrets(item),
  ])
  return Object.fromEntries(entries)
}
