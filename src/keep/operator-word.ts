import type { Digest } from '../oci/digest.ts'

/** Why nothing became of what an operator said. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /**
   * `no-operator`: others would not believe this node; `changed`: what stands there is not what the operator had seen; `nothing`: there is
   * no digest to pin; `past`: it would be over before it began; `blocked`: that digest is served by nobody; `not-held`: nobody holds all of
   * it; `elsewhere`: it is known as an image of another repository; `unknown`: its manifest cannot be had; `self`: a node's word about itself does not count; `no-pattern`: it is no pattern; `too-many`: more would not
   * be looked at; `too-long`: it does not fit what nodes tell each other; `taken`: the id is another job's; `no-id`: it cannot be one;
   * `no-times`: it says no times.
   */
  readonly code:
    | 'no-operator'
    | 'changed'
    | 'nothing'
    | 'past'
    | 'blocked'
    | 'not-held'
    | 'elsewhere'
    | 'unknown'
    | 'self'
    | 'no-pattern'
    | 'too-many'
    | 'too-long'
    | 'taken'
    | 'no-id'
    | 'no-times'

  constructor(code: Refusal['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Why a blocked digest is pinned to nothing. */
export const blockedRefusal = (digest: Digest): Refusal =>
  new Refusal(
    'blocked',
    `${digest} is blocked: no node answers a tag with it; \`holdfast unblock ${digest}\` lifts that, \`holdfast blocks\` tells why it is`,
  )

/** On how many nodes a change is durable, of how many, and how many of the others are away. */
export interface Stored {
  readonly nodes: number
  readonly members: number
  readonly away: number
}

/** Throws {@link Refusal} on a node whose operators the others do not believe. */
export function mustBeOperator(isOperator: () => boolean): void {
  if (isOperator()) return
  throw new Refusal(
    'no-operator',
    'mesh.operators names other nodes (`holdfast config` tells which): say it on one of them, for what this one says is not believed',
  )
}
