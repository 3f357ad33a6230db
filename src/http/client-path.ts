import type { IncomingHttpHeaders } from 'node:http'
import { type ClientPath, furtherTargets, type Target } from '../ports/mirror-request.ts'

/** By which further way of `hosts.toml` a client came, as its header tells; `undefined`: by the first, or it has no `hosts.toml`. */
export function targetOf(headers: IncomingHttpHeaders): Target | undefined {
  const text = headers['holdfast-target']
  return text === undefined ? undefined : (furtherTargets.find(one => one === text) ?? 'other')
}

export const pathOf = (headers: IncomingHttpHeaders): ClientPath =>
  targetOf(headers) === undefined ? 'local' : 'further'
