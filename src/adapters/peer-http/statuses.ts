import type { PeerFailure } from '../../ports/peer-port.ts'

/** Why a question was not answered, as the server says it. */
export type Refusal =
  | 'absent'
  | 'no-such-part'
  | 'refused'
  | 'busy'
  | 'malformed'
  | 'too-large'
  | 'failed'

interface Meaning {
  readonly status: number
  /** What it is for who asked. */
  readonly failure: PeerFailure['code']
}

/** The one table of statuses. */
const meanings = {
  absent: { status: 404, failure: 'absent' },
  'no-such-part': { status: 416, failure: 'absent' },
  refused: { status: 403, failure: 'refused' },
  busy: { status: 503, failure: 'busy' },
  malformed: { status: 400, failure: 'protocol' },
  'too-large': { status: 413, failure: 'protocol' },
  failed: { status: 500, failure: 'protocol' },
} as const satisfies Readonly<Record<Refusal, Meaning>>

const byStatus: ReadonlyMap<number, PeerFailure['code']> = new Map(
  Object.values(meanings).map(({ status, failure }) => [status, failure]),
)

/** The status that tells it. */
export const statusOf = (refusal: Refusal): number => meanings[refusal].status

/** What a status other than 200 and 206 means. */
export const failureOfStatus = (status: number): PeerFailure['code'] =>
  byStatus.get(status) ?? 'protocol'
