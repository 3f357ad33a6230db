import { type Assignments, assign, gather } from './assignments.ts'
import type { Fault } from './faults.ts'
import { keyOfVariable, keys } from './keys.ts'
import { nearest } from './nearest.ts'

const prefix = 'HOLDFAST_'
const withoutPrefix = (name: string): string => name.slice(prefix.length)

/** Variables that are not keys of the configuration: they tell the command line where to look. */
export const otherVariables: Readonly<Record<string, string>> = {
  HOLDFAST_CONFIG: 'configuration file, as --config',
  HOLDFAST_ADDRESS: 'admin API to ask, as --address',
  HOLDFAST_ADMIN_TOKEN: 'token for the admin API',
}

/**
 * Reads `HOLDFAST_…` variables. An empty one counts as not set; an unknown one is a fault, except what Kubernetes itself puts into
 * every pod beside a Service whose name begins with `holdfast`.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Assignments {
  return gather(Object.entries(env).sort(inOrder).map(readVariable))
}

function readVariable([name, text = '']: readonly [string, string | undefined]) {
  if (!name.startsWith(prefix) || Object.hasOwn(otherVariables, name)) return undefined
  const key = keyOfVariable(name)
  if (key !== undefined) {
    return text === '' ? undefined : assign(key, text, { kind: 'variable', name })
  }
  return isServiceLink(name, text) ? undefined : unknownVariable(name)
}

/** A group before what is in it, so that the more exact name wins. */
const inOrder = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : 1

/** https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables */
function isServiceLink(name: string, text: string): boolean {
  if (/_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name)) return true
  if (/_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true
  return name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(text)
}

function unknownVariable(name: string): Fault {
  const known = [...keys.map(key => key.variable), ...Object.keys(otherVariables)]
  const word = nearest(withoutPrefix(name), known.map(withoutPrefix))
  const near = word === undefined ? parentOf(name) : `${prefix}${word}`
  const cure =
    near === undefined
      ? 'two underscores stand for a dot: HOLDFAST_RESOLVE__TIMEOUT_MS'
      : `did you mean ${near}?`
  return {
    path: '',
    origin: { kind: 'variable', name },
    problem: 'is no variable of Holdfast',
    cure,
  }
}

/** `HOLDFAST_UPSTREAMS__QUAY_IO__URL`: what lies in a map is set with the map. */
function parentOf(name: string): string | undefined {
  const parent = keys.findLast(key => !key.isGroup && name.startsWith(`${key.variable}__`))
  return parent === undefined ? undefined : `${parent.variable}, with JSON in it`
}
