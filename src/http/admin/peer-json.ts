/** Characters that would move the cursor of a terminal. */
const control = /\p{Cc}/gu

/**
 * JSON of another node, which may lie: its texts are shown to people and kept in the audit log, so they bring no control characters.
 * `undefined`: it is none.
 */
export function readPeerJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString(), (_, value: unknown) =>
      typeof value === 'string' ? value.replace(control, ' ') : value,
    )
  } catch {
    return undefined
  }
}
