import { defined, iso } from './describe.ts'
import type { DiagnosticsAnswer } from './diagnostics-contract.ts'

/** Something that is gathered. */
export interface DiagnosticPart {
  /** Of the file that a bundle has it in: `.json` is JSON, all else text. */
  readonly name: string
  /** In words. */
  readonly what: string
  read(): unknown
}

/** One part may take so long, ms: a disk that hangs must not keep the rest back. */
const withinMs = 3_000

/** Gathers every part; one that fails, or takes too long, is told as such. Never rejects. */
export async function gatherDiagnostics(
  parts: readonly DiagnosticPart[],
): Promise<DiagnosticsAnswer['parts']> {
  return Promise.all(parts.map(gather))
}

async function gather({
  name,
  what,
  read,
}: DiagnosticPart): Promise<DiagnosticsAnswer['parts'][number]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${withinMs} ms`)), withinMs)
  })
  try {
    const told = await Promise.race([Promise.resolve().then(read), late])
    return { name, what, ...(name.endsWith('.json') ? { json: told } : { text: String(told) }) }
  } catch (error) {
    return { name, what, ...defined({ error: error instanceof Error ? error.message : 'unknown' }) }
  } finally {
    clearTimeout(timer)
  }
}

/** Resolutions as they are told. */
export const describeResolutions = (
  found: readonly { readonly firstAtMs: number; readonly lastAtMs: number }[],
): readonly object[] =>
  found.map(({ firstAtMs, lastAtMs, ...entry }) => ({
    ...entry,
    firstAt: iso(firstAtMs),
    lastAt: iso(lastAtMs),
  }))
