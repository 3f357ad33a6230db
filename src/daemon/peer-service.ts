import type { PeerAnswer, PeerService, PeerStream } from '../ports/peer-port.ts'

/** What others are offered grows while the node starts: before, it is as if nothing were held. */
export function createPeerServiceBook() {
  const answers = new Map<string, PeerAnswer>()
  const streams = new Map<string, PeerStream>()
  const late: Partial<Pick<PeerService, 'openBlob' | 'getManifest'>> = {}
  const offered: PeerService = {
    answers,
    streams,
    openBlob: async (question, from, signal) => late.openBlob?.(question, from, signal),
    getManifest: async (digest, repository, signal) =>
      late.getManifest?.(digest, repository, signal),
  }
  return {
    offered,
    add(...more: readonly ReadonlyMap<string, PeerAnswer>[]): void {
      for (const each of more) for (const [subject, answer] of each) answers.set(subject, answer)
    },
    addStreams(more: ReadonlyMap<string, PeerStream>): void {
      for (const [subject, stream] of more) streams.set(subject, stream)
    },
    serve(openBlob: PeerService['openBlob'], getManifest: PeerService['getManifest']): void {
      Object.assign(late, { openBlob, getManifest })
    },
  }
}
