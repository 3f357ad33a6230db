import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { checkRegistry } from '../../ports/check-registry.ts'
import type { ContainerRuntime } from '../../ports/container-runtime.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { Finding } from './check.ts'
import { holdsToken, type MirrorAccess, writeHosts } from './hosts-toml.ts'
import { codeOf, writeWhole } from './whole-file.ts'

/** An address that a node listens on, with its key. */
export interface Listening {
  readonly key: string
  readonly host: string
  readonly port: number
}

/** Who is at the mirror's address: a Holdfast, another program, or nobody. */
export async function judgeMirror(mirror: MirrorAccess): Promise<Finding> {
  const id = 'mirror'
  const path = `/v2/${newSeed()}/manifests/check?ns=${checkRegistry}`
  try {
    const source = await askSource(new URL(path, mirror.url), mirror.token)
    if (source === 'check') return { id, level: 'ok', what: `the mirror answers at ${mirror.url}` }
    const fix = 'set mirror.listen to a free port, and install again'
    return { id, level: 'fault', what: `another program answers at ${mirror.url}`, fix }
  } catch (error) {
    const what = `nobody answers at ${mirror.url} (${codeOf(error) ?? 'timeout'})`
    return { id, level: 'fault', what, fix: cureOfSilence() }
  }
}

/** In a pod nothing is started by hand. */
const cureOfSilence = (): string =>
  process.env['KUBERNETES_SERVICE_HOST'] === undefined
    ? 'start Holdfast: holdfast serve'
    : "see what this node's pod lacks: kubectl --namespace NAMESPACE describe pods --selector app.kubernetes.io/component=mirror; its containers `install` and `holdfast` have logs"

function askSource(url: URL, token: string | undefined): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(5_000)
    const headers = token === undefined ? {} : { 'Holdfast-Token': token }
    const asked = request(url, { method: 'HEAD', headers, signal, agent: false }, answer => {
      answer.resume()
      const source = answer.headers['holdfast-source']
      resolve(typeof source === 'string' ? source : undefined)
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** Addresses that a node would not get: while none runs here, whoever listens there is somebody else. */
export async function judgePorts(addresses: readonly Listening[]): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { key, host, port } of addresses) {
    if (port === 0) continue
    const code = await tryListening(host, port)
    if (code === undefined) continue
    const what = `${key}: ${host}:${port} ${code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be had (${code})`}`
    findings.push({ id: `port:${key}`, level: 'fault', what, fix: `set ${key} to another` })
  }
  return findings
}

function tryListening(host: string, port: number): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', error => resolve(codeOf(error)))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
}

/** Pulls an image that the mirror makes for this once, by the way that pods' images take, and removes it. */
export async function judgePull(
  runtime: ContainerRuntime,
  certsDir: string,
  mirror: MirrorAccess,
): Promise<Finding> {
  const id = 'pull'
  const directory = join(certsDir, checkRegistry)
  const image = `${checkRegistry}/${newSeed()}:check`
  const beganMs = performance.now()
  try {
    await mkdir(directory, { recursive: true, mode: 0o755 })
    const access = { name: checkRegistry, url: undefined }
    const text = writeHosts(access, mirror, 'none')
    await writeWhole(join(directory, 'hosts.toml'), text, holdsToken(mirror) ? 0o600 : 0o644)
    await runtime.pull(image)
    const what = `${image} came through the mirror in ${Math.round(performance.now() - beganMs)} ms`
    await runtime.remove(image)
    return { id, level: 'ok', what }
  } catch (error) {
    if (!(error instanceof HoldfastError) && codeOf(error) === undefined) throw error
    const what = `${image} did not come through the mirror: ${(error as Error).message}`
    const fix = `mend what is told above; then containerd's log tells why (${certsDir} has to be what it reads)`
    return { id, level: 'fault', what, fix }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const newSeed = (): string => randomBytes(8).toString('hex')
