import type { Clock } from '../ports/clock.ts'

/** When an address may be tried again: each failure doubles the wait, up to a cap, and nothing is ever given up. */
export interface BackOff {
  isDue(address: string): boolean
  failed(address: string): void
  reset(address: string): void
  resetAll(): void
}

const firstMs = 1_000
const longestMs = 60_000
const maxRemembered = 4_096

/** Remembers the addresses that failed lately. */
export function createBackOff(clock: Pick<Clock, 'monotonicMs'>, random: () => number): BackOff {
  const waits = new Map<string, { readonly failures: number; readonly dueMs: number }>()
  return {
    isDue: address => clock.monotonicMs() >= (waits.get(address)?.dueMs ?? 0),
    failed(address) {
      const failures = (waits.get(address)?.failures ?? 0) + 1
      const waitMs = Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (0.5 + random() / 2)
      waits.delete(address)
      const oldest = waits.keys().next().value
      if (waits.size >= maxRemembered && oldest !== undefined) waits.delete(oldest)
      waits.set(address, { failures, dueMs: clock.monotonicMs() + waitMs })
    },
    reset: address => void waits.delete(address),
    resetAll: () => waits.clear(),
  }
}
