import type { Terminal } from './command.ts'
import { formatBytes } from './print.ts'

/** A line that tells how far something is. */
export interface Progress {
  /** So many more bytes. */
  advance(bytes: number): void
  /** Leaves the line as it is and goes to the next. @param isWhole there is no more to come, whatever the size was thought to be */
  end(isWhole?: boolean): void
}

/** How often the line is written anew, ms. */
const everyMs = 200
const width = 30

/** Writes to a terminal alone: what is no terminal gets nothing. @param size in bytes, when it is known */
export function createProgress(
  terminal: Terminal,
  { label, size }: { readonly label: string; readonly size: number | undefined },
): Progress {
  const startedMs = performance.now()
  let done = 0
  let writtenMs = Number.NEGATIVE_INFINITY
  let isOpen = false

  function write(whole = size): void {
    writtenMs = performance.now()
    isOpen = true
    const perSecond = Math.round(done / Math.max((writtenMs - startedMs) / 1000, 0.001))
    terminal.err(
      `\r${label} ${bar(done, whole)}${formatBytes(done)}, ${formatBytes(perSecond)}/s\u001b[K`,
    )
  }

  return {
    advance(bytes) {
      done += bytes
      if (terminal.isTerminal && performance.now() - writtenMs >= everyMs) write()
    },
    end(isWhole = false) {
      if (!isOpen) return
      write(isWhole && size !== undefined ? done : size)
      terminal.err('\n')
      isOpen = false
    },
  }
}

function bar(done: number, size: number | undefined): string {
  if (size === undefined || size === 0) return ''
  const share = Math.min(1, done / size)
  const filled = Math.round(share * width)
  const percent = Math.floor(share * 100).toString()
  return `[${'#'.repeat(filled)}${' '.repeat(width - filled)}] ${percent.padStart(3)} %, `
}
