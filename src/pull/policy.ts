import type { TagReference } from '../oci/reference.ts'
import type { FailureClass } from '../ports/errors.ts'

/** What a failed question leads to: `serve` from memory, or `deny`: 404, so that the client asks upstream with its own credentials. */
export type FailurePolicy = 'serve' | 'deny'

/** The policy of each class of failure that has a choice. */
export interface FailurePolicies {
  readonly unreachable: FailurePolicy
  readonly rateLimited: FailurePolicy
  readonly denied: FailurePolicy
  readonly notFound: FailurePolicy
}

/** How one tag is resolved, after the rules, its upstream's settings and the defaults were laid over each other. */
export interface TagSettings {
  /** A confirmation younger than this is answered without asking; ms, 0 = always ask. */
  readonly freshForMs: number
  readonly policies: FailurePolicies
  /** As a last resort, the newest complete image of the repository, whatever its tag. */
  readonly newestInRepository: boolean
}

/** Settings of a tag; called for every request, so it should remember what it worked out. */
export type SettingsOf = (key: TagReference) => TagSettings

/** Whether memory may answer after this failure. A wrong clock of ours is never a reason to deny. */
export function mayServe(failure: FailureClass, policies: FailurePolicies): boolean {
  switch (failure) {
    case 'unreachable':
      return policies.unreachable === 'serve'
    case 'rate-limited':
      return policies.rateLimited === 'serve'
    case 'denied':
      return policies.denied === 'serve'
    case 'not-found':
      return policies.notFound === 'serve'
    case 'clock':
      return true
  }
}

/** How the question to the registry failed, for people. */
export function tellFailure(failure: FailureClass): string {
  return failures[failure]
}

const failures: Readonly<Record<FailureClass, string>> = {
  unreachable: 'the registry cannot be reached',
  'rate-limited': 'the registry takes no more requests for now',
  denied: 'the registry denied access',
  'not-found': 'the registry does not have it',
  clock: 'by the clock of this node the certificate of the registry is not valid',
}
