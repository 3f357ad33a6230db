import type { NodeWhyAnswer } from './why-answers.ts'

type Given = NodeWhyAnswer['resolutions'][number]

/** Answers in a row that gave the same digest for a tag. */
export interface Stretch extends Pick<Given, 'reference' | 'digest' | 'firstAt' | 'lastAt'> {
  readonly count: number
  /** From where and why, each once with how often; the newest first. */
  readonly grounds: readonly Given[]
}

/**
 * Puts together what one node answered with the same digest: a client asks for one image many times, and each answer may have been given on
 * other grounds while the registry came and went. @param answers the newest first
 */
export function foldAnswers(answers: readonly Given[]): readonly Stretch[] {
  const stretches: Stretch[] = []
  for (const given of answers) {
    const last = stretches.at(-1)
    const goesOn =
      last !== undefined && last.reference === given.reference && last.digest === given.digest
    if (goesOn) stretches[stretches.length - 1] = joined(last, given)
    else stretches.push({ ...given, grounds: [given] })
  }
  return stretches
}

/** @param given it was before */
function joined(stretch: Stretch, given: Given): Stretch {
  const { grounds } = stretch
  const at = grounds.findIndex(one => groundOf(one) === groundOf(given))
  const same = grounds[at]
  return {
    ...stretch,
    firstAt: given.firstAt,
    count: stretch.count + given.count,
    grounds:
      same === undefined
        ? [...grounds, given]
        : grounds.with(at, { ...same, firstAt: given.firstAt, count: same.count + given.count }),
  }
}

/** Ages and times in the words do not count. */
const groundOf = ({ source, reason, saidBy }: Given): string =>
  JSON.stringify([source, reason.replaceAll(/\d+/g, '0'), saidBy])
