import type { Answered, Ask } from './ask.ts'
import { questionUrl } from './question-url.ts'
import { rewriteRepository } from './rewrite.ts'
import type { EndpointSettings } from './settings.ts'
import type { Attempt } from './trial.ts'

/** What is asked about one repository. */
export interface Inquiry {
  readonly method: 'GET' | 'HEAD'
  /** What follows the repository's name, as in `manifests/latest`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>> | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Asks one endpoint about one repository, in one attempt. Rejects like {@link Ask}. */
export interface Inquirer {
  ask(inquiry: Inquiry): Promise<Answered>
  /** A page that follows, at the URL that the page before named. */
  askNext(url: URL, headers?: Readonly<Record<string, string>>): Promise<Answered>
  urlOf(inquiry: Pick<Inquiry, 'path' | 'query'>): URL
  readonly endpoint: EndpointSettings
  readonly attempt: Attempt
}

/** Prepares the asking of one repository at one endpoint, by the name that this endpoint knows it by. */
export function createInquirer(
  ask: Ask,
  endpoint: EndpointSettings,
  about: {
    readonly repository: string
    /** The registry's name where the endpoint is a mirror that may stand for several. */
    readonly namespace: string | undefined
    readonly attempt: Attempt
  },
): Inquirer {
  const { attempt, namespace } = about
  const name = rewriteRepository(about.repository, endpoint.rewrite)

  function send(url: URL, { method, headers }: Pick<Inquiry, 'method' | 'headers'>) {
    const { signal, freshConnection, witness } = attempt
    const scope = `repository:${name}:pull`
    return ask({ endpoint, method, url, scope, headers, signal, freshConnection, witness })
  }

  const urlOf: Inquirer['urlOf'] = ({ path, query }) =>
    questionUrl(endpoint, `${name}/${path}`, namespace, query)

  return {
    ask: inquiry => send(urlOf(inquiry), inquiry),
    askNext(url, headers) {
      if (namespace !== undefined) url.searchParams.set('ns', namespace)
      return send(url, { method: 'GET', headers })
    },
    urlOf,
    endpoint,
    attempt,
  }
}
