import { digestOf } from '../../../src/oci/digest.ts'
import type { PinState } from '../../../src/ports/pin-book.ts'
import { manifestDigest, manifestType } from '../support.ts'
import { keyOf, nowMs } from './support.ts'

export const origin = 'ab'.repeat(32)
export const stored = { nodes: 1, members: 1, away: 0 }
export const reference = 'reg.lab/lab/app:a'
export const other = digestOf(Buffer.from('another'))
export const nothing = {
  holdfastBackup: 1,
  node: 'bridge',
  at: '2026-11-20T03:00:00.000Z',
  pins: [],
  keeps: [],
  blocks: [],
  bans: [],
}
export const pinEntry = { reference, digest: manifestDigest, mediaType: manifestType, size: 77 }

export const pinned = (more: Partial<PinState> = {}): PinState => ({
  key: keyOf('a'),
  standing: 'in-force',
  target: { digest: manifestDigest, mediaType: manifestType, size: 77 },
  stamp: { wallMs: nowMs, counter: 0 },
  origin,
  note: undefined,
  author: 'a',
  expiresAtMs: undefined,
  ...more,
})

/** A book in which this stands of the tag. */
export const bookOf = (state: PinState | undefined) => ({
  get: () => state,
  history: () => [],
  list: (after: string) => (state === undefined || after !== '' ? [] : [state]),
  each: () => (state === undefined ? [] : [state]),
  isBlocked: () => false,
})

/** Takes whatever it is told, and remembers it. */
export function listen() {
  const heard: unknown[][] = []
  const set = async (...given: unknown[]) => {
    heard.push(given)
    return { before: undefined, after: undefined, stored, pattern: '' } as never
  }
  return { heard, set }
}

export const post = (body: unknown) => ({ method: 'POST', body })
export const path = '/api/v1/restore'
export const outcomes = (body: unknown) =>
  (body as { items: { kind: string; outcome: string }[] }).items.map(
    ({ kind, outcome }) => `${kind} ${outcome}`,
  )
