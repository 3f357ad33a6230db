/**
 * Runs every check of the project one after the other, sums up and tells what did not pass. A check that is not a test run counts as
 * one. A test run counts its assertions, as its own last line tells them; one that reports none has failed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { summarizeTap } from './tap-summary.ts'

interface Check {
  readonly name: string
  readonly command: string
  readonly isTestRun?: boolean
}

interface Sum {
  readonly passed: number
  readonly failed: number
  readonly failures?: readonly string[]
}

const checks: readonly Check[] = [
  { name: 'lint', command: 'npm run --silent lint' },
  { name: 'layers', command: 'npm run --silent layers' },
  { name: 'dead code', command: 'npm run --silent deadcode' },
  { name: 'types', command: 'npm run --silent types' },
  { name: 'generated files', command: 'npm run --silent check-generated' },
  { name: 'build', command: 'npm run --silent build' },
  // The README's test command.
  { name: 'tests', command: 'npm ci && npm test', isTestRun: true },
  { name: 'fuzz', command: 'npm run --silent fuzz -- --seconds 15' },
  { name: 'demo', command: 'npm run --silent demo' },
  { name: 'system tests', command: 'npm run test:system', isTestRun: true },
  { name: 'cluster set-up', command: 'test/cluster/lab/setup.sh' },
  { name: 'cluster tests', command: 'npm run test:cluster', isTestRun: true },
]

async function run({ command }: Check): Promise<{ code: number | null; output: string }> {
  const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    process.stdout.write(chunk)
  })
  const [code] = await once(child, 'close')
  return { code, output: Buffer.concat(chunks).toString() }
}

function sum(check: Check, code: number | null, output: string): Sum {
  if (check.isTestRun !== true)
    return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
  const summary = summarizeTap(output)
  if (summary === undefined || summary.passed === 0) return { passed: 0, failed: 1 }
  return code === 0 || summary.failed > 0 ? summary : { ...summary, failed: 1 }
}

/** What did not pass, or the end of what was said where no test tells. */
function listFailures({ failures = [] }: Sum, output: string): readonly string[] {
  return failures.length > 0 ? failures : output.trimEnd().split('\n').slice(-20)
}

let passed = 0
let failed = 0
const failures: string[] = []
for (const check of checks) {
  process.stdout.write(`\n=== ${check.name}: ${check.command}\n`)
  const beganMs = performance.now()
  const { code, output } = await run(check)
  const result = sum(check, code, output)
  passed += result.passed
  failed += result.failed
  if (result.failed > 0) failures.push(`=== ${check.name}`, ...listFailures(result, output))
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1)
  process.stdout.write(
    `=== ${check.name}: ${result.passed} passed, ${result.failed} failed, ${seconds} s\n`,
  )
}
// Here once more: of a long output often only the end is kept.
if (failures.length > 0) process.stdout.write(`\nDid not pass:\n${failures.join('\n')}\n`)
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
