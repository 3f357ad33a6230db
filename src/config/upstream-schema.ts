import { Type } from 'typebox'
import { ofKind } from './kinds.ts'

type Policy = 'serve' | 'deny'

/** One key for each class of failure that has a choice; without defaults where it overrides others. */
const policies = (
  defaults: Partial<Record<'unreachable' | 'rateLimited' | 'denied' | 'notFound', Policy>>,
) => {
  const policy = (description: string, value: Policy | undefined) =>
    Type.Enum(['serve', 'deny'], { description, ...(value !== undefined && { default: value }) })
  return {
    unreachable: policy(
      'Nobody who is that registry answered: DNS, connect, TLS, timeout, 5xx, a captive portal.',
      defaults.unreachable,
    ),
    rateLimited: policy('The registry answered 429.', defaults.rateLimited),
    denied: policy('401 or 403 after the token dance.', defaults.denied),
    notFound: policy('404 or 410, said by the registry.', defaults.notFound),
  }
}

/** `resolve.onFailure`: what holds where no upstream and no rule says otherwise. */
export const onFailureSchema = Type.Object(
  policies({ unreachable: 'serve', rateLimited: 'serve', denied: 'deny', notFound: 'deny' }),
  {
    additionalProperties: false,
    default: {},
    description:
      'What a failed question to the registry leads to: serve (answer from memory) or deny (404, so that containerd asks the registry itself with the credentials of the pod).',
  },
)

const policyOverrides = (description: string) =>
  Type.Partial(Type.Object(policies({})), { additionalProperties: false, description })

const authSchema = Type.Partial(
  Type.Object({
    username: Type.String({
      minLength: 1,
      description: 'User name; goes with password or passwordFile.',
    }),
    password: Type.String({
      'x-secret': true,
      description: 'Password. A passwordFile keeps it out of this file.',
    }),
    passwordFile: ofKind('path', {
      'x-file': true,
      description: 'File that holds the password; read again when it changes.',
    }),
    token: Type.String({
      minLength: 1,
      'x-secret': true,
      description: 'Registry token, sent as it is: Authorization: Bearer.',
    }),
    tokenFile: ofKind('path', {
      'x-file': true,
      description: 'File that holds the token; read again when it changes.',
    }),
  }),
  {
    additionalProperties: false,
    'x-secret': true,
    description: 'Credentials: username with password or passwordFile, or token, or tokenFile.',
  },
)

const tlsSchema = Type.Partial(
  Type.Object({
    caFile: ofKind('path', {
      'x-file': true,
      description: 'PEM of authorities to trust beside those of the system.',
    }),
    certFile: ofKind('path', {
      'x-file': true,
      description: 'PEM of the client certificate; goes with keyFile.',
    }),
    keyFile: ofKind('path', {
      'x-file': true,
      description: 'PEM of the key of the client certificate.',
    }),
    insecureSkipVerify: Type.Boolean({
      description: 'Accept any certificate. Digests are verified all the same; tags are believed.',
    }),
  }),
  {
    additionalProperties: false,
    description: 'How the certificate of this host is judged, and which one is shown to it.',
  },
)

const proxySchema = ofKind('proxyUrl', {
  description:
    "Proxy to go through; '' for none, even where the environment names one. Default: HTTP(S)_PROXY and NO_PROXY.",
})

const endpointSchema = Type.Object(
  {
    url: ofKind('endpointUrl', {
      description: 'http:// or https:// URL; a path before /v2/ is possible.',
    }),
    auth: Type.Optional(authSchema),
    tls: Type.Optional(tlsSchema),
    proxy: Type.Optional(proxySchema),
  },
  {
    additionalProperties: false,
    'x-shorthand': 'url',
    description:
      'A URL, or a mapping with url, auth, tls and proxy. Nothing is inherited from the upstream: credentials go to the host they are written for.',
  },
)

const timeoutsSchema = Type.Object(
  {
    connectMs: Type.Integer({
      minimum: 1,
      maximum: 600_000,
      default: 3_000,
      description: 'Name, TCP, proxy and TLS together, in milliseconds.',
    }),
    headersMs: Type.Integer({
      minimum: 1,
      maximum: 600_000,
      default: 10_000,
      description: 'From the request to the last header, in milliseconds.',
    }),
    stallMs: Type.Integer({
      minimum: 1,
      maximum: 600_000,
      default: 10_000,
      description: 'How long a body may make no progress, in milliseconds.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description:
      'Deadlines of one request. Clients wait for resolve.timeoutMs at most, whatever these say.',
  },
)

/** One entry of `upstreams`. */
export const upstreamSchema = Type.Object(
  {
    url: Type.Optional(
      ofKind('endpointUrl', {
        description:
          'Where the registry itself is. Default: https:// and its name. http:// only when written.',
      }),
    ),
    endpoints: Type.Array(endpointSchema, {
      default: [],
      description: 'Mirrors of this registry, asked in order before url.',
    }),
    rewrite: Type.Record(Type.String(), Type.String(), {
      default: {},
      description:
        'Regular expression on the repository: replacement with $1, for endpoints only, as in registries.yaml of K3s.',
    }),
    auth: Type.Optional(authSchema),
    tls: Type.Optional(tlsSchema),
    proxy: Type.Optional(proxySchema),
    realms: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description:
        'Further hosts (host or host:port) that may receive these credentials as token realm.',
    }),
    timeouts: timeoutsSchema,
    policies: Type.Optional(policyOverrides('Overrides resolve.onFailure for this upstream.')),
  },
  { additionalProperties: false, default: {}, description: 'One registry that may be contacted.' },
)

/** One entry of `resolve.rules`. */
export const ruleSchema = Type.Object(
  {
    match: ofKind('imagePattern', {
      description:
        'Pattern on registry/repository:tag; * within one component, ** across; without :tag every tag.',
    }),
    freshForMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_592_000_000,
        description: 'Overrides resolve.freshForMs, in milliseconds.',
      }),
    ),
    onFailure: Type.Optional(
      policyOverrides('Overrides resolve.onFailure and the policies of the upstream.'),
    ),
    private: Type.Optional(
      Type.Enum(['serve', 'deny'], {
        description:
          'deny: content seen only under repositories that are private is served under no other. Uses the repository part of match; the first rule that says it decides.',
      }),
    ),
    newestInRepository: Type.Optional(
      Type.Boolean({
        description:
          'As a last resort answer with the newest complete image of the repository, whatever its tag.',
      }),
    ),
  },
  { additionalProperties: false, description: 'Settings for the tags that match.' },
)
