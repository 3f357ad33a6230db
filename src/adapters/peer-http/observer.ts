import type { PeerPriority } from '../../ports/peer-port.ts'

/** Why a connection was not let in. */
export type IntruderReason =
  | 'tls' // no TLS 1.3 handshake in time, or what is no TLS
  | 'no-certificate' // none, or one that is no node's
  | 'no-preface' // no proof in time, or what is none
  | 'unknown-key'
  | 'wrong-proof'
  | 'banned'
  | 'full'

/** Told of what the peer port does, for metrics. */
export interface PeerPortObserver {
  refused(reason: IntruderReason): void
  /** A blob went out, whole (`sent`), or as far as its reader or its source went. */
  blobSent(priority: PeerPriority, outcome: 'sent' | 'client-left' | 'cut', bytes: number): void
}

/** One that is told in vain. */
export const silentPeerObserver: PeerPortObserver = { refused() {}, blobSent() {} }
