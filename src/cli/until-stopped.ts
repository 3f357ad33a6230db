import type { EventEmitter } from 'node:events'
import type { RunningDaemon } from './command.ts'

/** What the process offers for being stopped; a test hands in its own. */
export interface ProcessControl {
  readonly signals: EventEmitter
  /** Ends the process at once. */
  exit(code: number): void
}

/** Signals that stop a node, by number. */
const stopSignals = { SIGINT: 2, SIGTERM: 15 } as const

/**
 * Waits until the node is told to stop and has done so, or rejects when it cannot go on. The first signal stops it gracefully; the
 * second ends the process at once, with 128 and the signal's number as shells have it.
 */
export async function untilStopped(
  daemon: RunningDaemon,
  { signals, exit }: ProcessControl,
  onStopping: (signal: string) => void,
): Promise<void> {
  const { promise: told, resolve } = Promise.withResolvers<void>()
  let isStopping = false
  const handlers = Object.entries(stopSignals).map(([signal, number]) => {
    const handler = (): void => {
      if (isStopping) exit(128 + number)
      isStopping = true
      onStopping(signal)
      resolve()
    }
    signals.on(signal, handler)
    return [signal, handler] as const
  })
  try {
    await Promise.race([told, ...(daemon.failed === undefined ? [] : [daemon.failed])])
  } finally {
    await daemon.close()
    for (const [signal, handler] of handlers) signals.off(signal, handler)
  }
}
