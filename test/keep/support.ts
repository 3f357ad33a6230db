import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { LeaseStore } from '../../src/ports/lease-store.ts'
import type { LogFields } from '../../src/ports/log.ts'

/** Content of `size` bytes that nothing else has. */
export function contentOf(name: string, size: number): { digest: Digest; content: Buffer } {
  const content = Buffer.alloc(size, `${name} `)
  return { content, digest: digestOf(content) }
}

/** A log whose lines can be looked at. */
export function createLogBook() {
  const lines: { level: string; fields: LogFields; message: string }[] = []
  const at = (level: string) => (fields: LogFields, message: string) => {
    lines.push({ level, fields, message })
  }
  return {
    lines,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    told: (level: string) => lines.filter(line => line.level === level).map(line => line.message),
  }
}

/** Leases that outlive a node, and not the test. */
export function createMemoryLeases(): LeaseStore {
  const leases = new Map<Digest, number>()
  return {
    load: nowMs => new Map([...leases].filter(([, untilMs]) => untilMs > nowMs)),
    async keep(digest, untilMs) {
      leases.set(digest, untilMs)
    },
  }
}
