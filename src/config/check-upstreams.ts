import { parseRegistry } from '../oci/reference.ts'
import { type Report, show } from './faults.ts'
import type { ConfigValues } from './schema.ts'
import type { Path } from './schema-node.ts'

type Upstreams = ConfigValues['upstreams']
type Upstream = Upstreams[string]
type Credentials = Partial<Pick<Upstream, 'auth' | 'tls'>>

interface Context {
  readonly report: Report
  /** Nothing at, above or below this path was misread: values elsewhere may be missing. */
  isSound(path: Path): boolean
}

/** What the schema cannot say about `upstreams`. */
export function checkUpstreams(upstreams: Upstreams, context: Context): void {
  const { isSound, report } = context
  const seen = new Map<string, string>()
  for (const [name, upstream] of Object.entries(upstreams)) {
    const path = ['upstreams', name]
    checkName(name, seen, report)
    checkCredentials(upstream ?? {}, path, context)
    const endpoints = isSound([...path, 'endpoints']) ? upstream.endpoints : []
    for (const [index, endpoint] of endpoints.entries()) {
      checkCredentials(endpoint, [...path, 'endpoints', index], context)
    }
    if (isSound([...path, 'rewrite'])) checkRewrite(upstream, path, report)
    if (isSound([...path, 'realms'])) checkRealms(upstream, path, report)
  }
}

function checkName(name: string, seen: Map<string, string>, report: Report): void {
  if (name === '*') return
  const path = ['upstreams', name]
  const canonical = parseRegistry(name)
  if (canonical === undefined) {
    const host = URL.parse(name)?.host ?? name.split('/')[0] ?? ''
    const meant = parseRegistry(host)
    const cure =
      meant === undefined ? 'write a host as in docker.io or registry.lan:5000' : `write ${meant}`
    report({ path, problem: 'is no name of a registry', cure, aboutKey: true })
    return
  }
  const twin = seen.get(canonical)
  if (twin !== undefined) {
    const problem = `is the same registry as ${twin} (${canonical})`
    report({ path, problem, cure: 'keep one of them', aboutKey: true })
  }
  seen.set(canonical, name)
}

function checkCredentials({ auth, tls }: Credentials, path: Path, context: Context): void {
  const { isSound, report } = context
  if (auth !== undefined && isSound([...path, 'auth'])) checkAuth(auth, [...path, 'auth'], report)
  if (tls !== undefined && isSound([...path, 'tls'])) checkTls(tls, [...path, 'tls'], report)
}

function checkAuth(auth: NonNullable<Upstream['auth']>, at: Path, report: Report): void {
  const ways = [auth.password, auth.passwordFile, auth.token, auth.tokenFile]
  const given = ways.filter(way => way !== undefined).length
  const isBasic = (auth.password ?? auth.passwordFile) !== undefined
  if (given > 1) {
    const problem = 'has more than one of password, passwordFile, token and tokenFile'
    report({ path: at, problem, cure: 'keep one of them' })
  } else if ((auth.username !== undefined) !== isBasic) {
    const problem = isBasic ? 'has a password and no username' : 'has a username and no password'
    report({ path: at, problem, cure: 'username goes with password or passwordFile' })
  }
}

function checkTls(tls: NonNullable<Upstream['tls']>, at: Path, report: Report): void {
  if ((tls.certFile === undefined) === (tls.keyFile === undefined)) return
  const missing = tls.certFile === undefined ? 'certFile' : 'keyFile'
  report({ path: at, problem: `has no ${missing}`, cure: 'certFile and keyFile go together' })
}

function checkRealms({ realms }: Upstream, path: Path, report: Report): void {
  for (const [index, realm] of realms.entries()) {
    if (parseRegistry(realm) !== undefined) continue
    const at = [...path, 'realms', index]
    const cure = 'write auth.example.com or auth.example.com:8443'
    report({ path: at, problem: 'is no host', cure, shown: show(realm, false) })
  }
}

function checkRewrite({ rewrite }: Upstream, path: Path, report: Report): void {
  for (const pattern of Object.keys(rewrite)) {
    try {
      new RegExp(pattern)
    } catch {
      report({
        path: [...path, 'rewrite', pattern],
        problem: 'is no regular expression',
        cure: "write as in '^library/(.*)': 'mirror/$1'",
        aboutKey: true,
      })
    }
  }
}
