/** What a TAP stream comes to: how many assertions hold, and which do not, each with what was told of it. */
import { type FinalResults, Parser, Result, type TapError } from 'tap-parser'

export interface TapSummary {
  readonly passed: number
  /** Skipped and todo tests among them. */
  readonly failed: number
  /** What did not pass, a text of some lines each. */
  readonly failures: readonly string[]
}

const maxLines = { first: 16, last: 8 }
const maxColumns = 240

/** undefined: it has no closing line of tap, `# { total: 14, pass: 13, fail: 1 }`. */
export function summarizeTap(output: string): TapSummary | undefined {
  const line = [...output.matchAll(/^# \{ total: (\d+), pass: (\d+)(.*)\}$/gm)].at(-1)
  if (line === undefined) return undefined
  const passed = Number(line[2])
  return { passed, failed: Number(line[1]) - passed, failures: listFailures(output) }
}

function listFailures(output: string): string[] {
  const failed: TapError[] = []
  const omitted: string[] = []
  const root = new Parser(take)
  follow(root)
  root.end(output)
  return [...failed.filter(isInnermost).map(describe), ...omitted]

  function follow(parser: Parser): void {
    parser.on('child', (child: Parser) => {
      follow(child)
      child.on('complete', take)
    })
  }

  function take(results: FinalResults): void {
    failed.push(...results.failures)
    for (const { fullname, skip } of results.skips) omitted.push(`${fullname}\n  skipped: ${skip}`)
    for (const { fullname, todo } of results.todos) omitted.push(`${fullname}\n  to do: ${todo}`)
  }

  /** A test fails with each test within it: only that one tells why. */
  function isInnermost(failure: TapError): boolean {
    const within = `${nameOf(failure)} > `
    return !failed.some(other => nameOf(other).startsWith(within))
  }
}

function nameOf(failure: TapError): string {
  return failure instanceof Result ? failure.fullname : (failure.tapError ?? '')
}

function describe(failure: TapError): string {
  const told = failure instanceof Result ? (failure.diag ?? {}) : failure
  const lines = Object.entries(told).flatMap(([key, value]) =>
    `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`.split('\n'),
  )
  const between = lines.length - maxLines.first - maxLines.last
  if (between > 1) lines.splice(maxLines.first, between, `(${between} more lines)`)
  return [nameOf(failure), ...lines.map(line => `  ${line.slice(0, maxColumns)}`)].join('\n')
}
