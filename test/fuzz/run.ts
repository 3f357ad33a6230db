import { parseArgs } from 'node:util'
import { fuzzArchives } from './archives.ts'
import { createRandom, mutate, mutateJson, pick, type Random } from './mutate.ts'
import { ociSubject } from './oci.ts'
import { claim, type FuzzSubject } from './subject.ts'

/*
 * Feeds our parsers with damaged input for a bounded time: node test/fuzz/run.ts [--seconds 20] [--seed N]. Prints the seed that repeats
 * the run, and ends with status 1 and the input when a parser throws what it must not, accepts what does not hold together, or takes
 * too long.
 */

const subjects: readonly FuzzSubject[] = [ociSubject]

/** No input, of whatever shape, may take longer than this. */
const maxCheckMs = 3000

const say = (text: string): unknown => process.stdout.write(`${text}\n`)

function nextInput(random: Random, seeds: readonly string[]): string {
  const seed = pick(random, seeds)
  if (!seed.startsWith('{') || random() < 0.4) return mutate(random, seed, seeds)
  let value: unknown = JSON.parse(seed)
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    value = mutateJson(random, value)
  }
  return JSON.stringify(value)
}

/** Runs one check on one input; says whether the parser accepted it. */
function tryInput(subject: FuzzSubject, check: (text: string) => boolean, input: string): boolean {
  try {
    return check(input)
  } catch (error) {
    if (!subject.isRefusal(error)) throw error
    return false
  }
}

function fuzz(subject: FuzzSubject, random: Random, forMs: number): void {
  const endMs = performance.now() + forMs
  const seeds = subject.makeSeeds()
  const accepted = new Map(Object.keys(subject.checks).map(name => [name, 0]))
  let inputs = 0
  for (; performance.now() < endMs; inputs++) {
    const input = nextInput(random, seeds)
    for (const [name, check] of Object.entries(subject.checks)) {
      const startMs = performance.now()
      try {
        if (tryInput(subject, check, input)) accepted.set(name, (accepted.get(name) ?? 0) + 1)
        claim(performance.now() - startMs < maxCheckMs, `done within ${maxCheckMs} ms`)
      } catch (error) {
        say(`${subject.name} ${name}, input ${inputs}: ${JSON.stringify(input)}`)
        throw error
      }
    }
  }
  const counts = [...accepted].map(([name, count]) => `${name} ${count}`).join(', ')
  say(`${subject.name}: ${inputs} inputs, no finding; accepted: ${counts}`)
}

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } })
const seed = Number(values.seed ?? Date.now() % 2 ** 32)
const forMs = (Number(values.seconds ?? 20) * 1000) / (subjects.length + 1)
say(`seed ${seed}`)
for (const subject of subjects) fuzz(subject, createRandom(seed), forMs)
say(`archives: no finding; ${await fuzzArchives(createRandom(seed), forMs)}`)
