/** What a request to the mirror was about, for counting; a closed set. */
export const requestKinds = [
  'base',
  'manifest-by-tag',
  'manifest-by-digest',
  'blob',
  'tags',
  'referrers',
  'write',
  'other',
] as const
export type RequestKind = (typeof requestKinds)[number]

/** Which of the ways that `hosts.toml` lists a client took, beginning with the second; a closed set. */
export const furtherTargets = ['2', '3', '4', 'other'] as const
export type Target = (typeof furtherTargets)[number]

/** Whether a client came by the first way, which leads to its own node, or without a `hosts.toml`; or by a further way, such as a NodePort. A closed set. */
export type ClientPath = 'local' | 'further'
