import { BlockList, isIP } from 'node:net'
import { HoldfastError } from '../../ports/errors.ts'
import { classifyAddress } from './address-guard.ts'
import { percentDecoded, portOf, withoutBrackets } from './origin.ts'

/** A proxy as it is used: where it listens, and what it wants to see. */
export interface ProxyServer {
  /** Without user and password: fit for a log. */
  readonly url: URL
  /** `Proxy-Authorization`; never logged. */
  readonly authorization: string | undefined
}

/** The variables that name proxies. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>

/**
 * The proxy for a URL, if any. A written one (`setting`) always applies, `''` means none; else the environment decides as it does
 * for curl and Go: `NO_PROXY` takes hosts, domains, `host:port`, addresses, networks and `*`, and loopback never goes through a proxy.
 * @throws HoldfastError `config-invalid` when the proxy's URL cannot be used
 */
export function chooseProxy(
  url: URL,
  setting: string | undefined,
  environment: ProxyEnvironment,
): ProxyServer | undefined {
  if (setting !== undefined) return setting === '' ? undefined : parseProxy(setting)
  const text = fromEnvironment(url, environment)
  if (text === undefined || text === '' || isExempt(url, environment)) return undefined
  return parseProxy(text.includes('://') ? text : `http://${text}`)
}

/**
 * Reads a proxy's URL; user and password in it become its credentials.
 * @throws HoldfastError `config-invalid`; the message never shows the URL, which may carry a password
 */
export function parseProxy(text: string): ProxyServer {
  if (!URL.canParse(text)) throw invalid('is not a URL such as http://proxy.example:3128')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalid(`has the scheme ${url.protocol}//, but only http:// and https:// can be used`)
  }
  const authorization = credentialsOf(url)
  url.username = ''
  url.password = ''
  return { url, authorization }
}

function credentialsOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const pair = `${percentDecoded(username)}:${percentDecoded(password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

function invalid(fault: string): HoldfastError {
  return new HoldfastError('config-invalid', `the proxy's address ${fault}`)
}

function fromEnvironment(url: URL, environment: ProxyEnvironment): string | undefined {
  const isTls = url.protocol === 'https:'
  return firstOf(environment, isTls ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY'])
}

function firstOf(environment: ProxyEnvironment, names: readonly string[]): string | undefined {
  return names.map(name => environment[name]).find(value => value !== undefined)
}

function isExempt(url: URL, environment: ProxyEnvironment): boolean {
  const host = withoutBrackets(url.hostname.toLowerCase())
  if (host === 'localhost' || classifyAddress(host) === 'loopback') return true
  const port = String(portOf(url))
  const list = firstOf(environment, ['no_proxy', 'NO_PROXY']) ?? ''
  return list.split(/[\s,]+/).some(entry => entry !== '' && covers(entry.toLowerCase(), host, port))
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return coversNetwork(entry, host)
  const { name, onlyPort } = splitPort(entry)
  if (onlyPort !== undefined && onlyPort !== port) return false
  const suffix = name.replace(/^\*/, '')
  if (suffix.startsWith('.')) return host.endsWith(suffix)
  return host === suffix || host.endsWith(`.${suffix}`)
}

function coversNetwork(entry: string, host: string): boolean {
  const [network = '', prefix = ''] = entry.split('/')
  const family = isIP(network)
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(prefix)) return false
  if (Number(prefix) > (family === 4 ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(network, Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
  return list.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

function splitPort(entry: string): { name: string; onlyPort: string | undefined } {
  if (isIP(entry) !== 0) return { name: entry, onlyPort: undefined }
  const match = /^(.*?)(?::(\d+))?$/.exec(entry)
  return { name: withoutBrackets(match?.[1] ?? entry), onlyPort: match?.[2] }
}
