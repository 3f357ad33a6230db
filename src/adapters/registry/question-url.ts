import type { EndpointSettings } from './settings.ts'

/**
 * The URL of a question.
 * @param path what follows `/v2/`
 * @param namespace the registry's name, for an endpoint that may stand for several; such a mirror tells them apart by `ns`, as
 * containerd asks it, and everybody else ignores that
 */
export function questionUrl(
  { url }: Pick<EndpointSettings, 'url'>,
  path: string,
  namespace: string | undefined,
  query: Readonly<Record<string, string>> = {},
): URL {
  const base = new URL(url)
  // A base such as /v2/proxy names the place of repositories itself, as `override_path` does for containerd.
  const root = /^\/v2\/./.test(base.pathname) ? base.pathname : `${trimmed(base.pathname)}/v2`
  const asked = new URL(`${root}/${path}`, base)
  for (const [name, value] of Object.entries(query)) asked.searchParams.set(name, value)
  if (namespace !== undefined) asked.searchParams.set('ns', namespace)
  return asked
}

function trimmed(pathname: string): string {
  return pathname.replace(/\/+$/, '')
}
