import type { FastifyReply } from 'fastify'
import { ProblemError } from './problem.ts'

/** Who may follow jobs at the same time: each costs a connection, and all are told each second. */
const most = { ofAll: 100, ofOne: 25 } as const
/** After how many seconds a place may be free. */
const againSeconds = 10

/** Places for those who follow jobs. */
export interface ReaderPlaces {
  /** Takes one until what it returns is called. Throws `ProblemError` where none is left. */
  take(caller: string, reply: FastifyReply): () => void
}

/** Places of this node. */
export function createReaderPlaces(): ReaderPlaces {
  /** Those of each caller; one without any is not among them. */
  const taken = new Map<string, number>()
  let all = 0

  function refuse(status: number, what: string, reply: FastifyReply): never {
    reply.header('Retry-After', againSeconds)
    throw new ProblemError(status, `${what}: end one of them, or ask for the job itself`)
  }

  return {
    take(caller, reply) {
      const own = taken.get(caller) ?? 0
      if (own >= most.ofOne) refuse(429, `${caller} follows ${own} jobs here already`, reply)
      if (all >= most.ofAll) refuse(503, `${all} readers follow jobs here already`, reply)
      all += 1
      taken.set(caller, own + 1)
      return () => {
        all -= 1
        const left = (taken.get(caller) ?? 1) - 1
        if (left > 0) taken.set(caller, left)
        else taken.delete(caller)
      }
    },
  }
}
