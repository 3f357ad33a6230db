/** Who a node is: its raw Ed25519 public key, 64 hex digits. It signs its records, dials under it and shows it in its certificate. */
export type NodeId = string

/** Reads a node id; `undefined` when the text is none. */
export function parseNodeId(text: string): NodeId | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? text : undefined
}
