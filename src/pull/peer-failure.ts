import { UpstreamFailure } from '../ports/errors.ts'
import { PeerFailure } from '../ports/peer-port.ts'

/** What another node's failure means to who wants content: the words that sources fail with. Anything else is passed on. */
export function asSourceFailure(error: unknown): unknown {
  if (!(error instanceof PeerFailure)) return error
  const { message } = error
  switch (error.code) {
    case 'unreachable':
      return new UpstreamFailure('unreachable', 'connect', message, { cause: error })
    case 'timeout':
      return new UpstreamFailure('unreachable', 'timeout', message, { cause: error })
    case 'protocol':
      return new UpstreamFailure('unreachable', 'protocol', message, { cause: error })
    case 'refused':
      return new UpstreamFailure('denied', 'denied', message, { cause: error })
    case 'absent':
      return new UpstreamFailure('not-found', 'not-found', message, { cause: error })
    case 'busy':
      return new UpstreamFailure('rate-limited', 'rate-limited', message, { cause: error })
  }
}
