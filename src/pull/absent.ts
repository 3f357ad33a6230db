import type { FailureClass } from '../ports/errors.ts'

/** Content that cannot be had now: answered with a 404, so that the client moves on to its next host. */
export interface Absent {
  readonly absent: true
  /** Why, in words, naming the value at fault. */
  readonly reason: string
  /** How upstream failed, when it was asked or known to be down. */
  readonly failure: FailureClass | undefined
}

/** Says that content cannot be had. */
export function absent(reason: string, failure?: FailureClass): Absent {
  return { absent: true, reason, failure }
}

/** Tells content from its absence. */
export function isAbsent(answer: object): answer is Absent {
  return 'absent' in answer
}
