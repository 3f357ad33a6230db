/** Called when another node was met that has this node's key, with `host:port` where this one dialled it, if it did. */
export type TwinListener = (address: string | undefined) => void

/** Tells this start of a node from any other by the same key: every bus does so alike. */
export interface OwnStart {
  /** To be said to whoever has this node's own key. */
  readonly nonce: Uint8Array
  /** Somebody who proved to have this node's own key said this: nothing, or what is no nonce, tells nothing. */
  hear(nonce: Uint8Array | undefined, address?: string): void
  onTwin(listener: TwinListener): () => void
}

/** Bytes. */
export const startNonceBytes = 8

/**
 * An address may lead back to this node, as that of a service does: then the nonce is its own.
 *
 * @param nonce {@link startNonceBytes}, drawn anew at each start
 */
export function createOwnStart(nonce: Uint8Array): OwnStart {
  const listeners = new Set<TwinListener>()
  return {
    nonce,
    hear(said, address) {
      if (said?.length !== startNonceBytes || Buffer.compare(nonce, said) === 0) return
      for (const listener of listeners) listener(address)
    },
    onTwin(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
