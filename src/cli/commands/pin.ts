import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { askOfTag } from '../likely-tags.ts'
import { pinChangeAnswer, type StandingPin, standingPinAnswer } from '../operator-answers.ts'
import { hasEnough, readCopies, readDigest } from '../operator-words.ts'
import { pinLines, pinPath } from '../pin-words.ts'
import { print } from '../print.ts'
import { readTime } from '../read-time.ts'
import { findStanding, goOnWith, overStanding } from '../standing-word.ts'

/** `holdfast pin REF [DIGEST]` and `holdfast rollback REF [DIGEST]` */
export const run: RunCommand = async context => {
  const { words, options } = context
  const path = pinPath(words[0] ?? '')
  const copies = readCopies(options['copies'])
  const to = readTarget(context)
  const expiresAt = readExpiry(options['expires'])
  const api = createAdminApi(await findAdmin(context))
  const standing = await findStanding(api, path, standingPinAnswer)
  const body = {
    to,
    ...goOnWith(
      { note: options['note'], author: options['author'], expiresAt },
      isAgain(to, standing) ? standing : undefined,
    ),
    allowIncomplete: options['allow-incomplete'] !== undefined,
    allowElsewhere: options['allow-elsewhere'] !== undefined || undefined,
  }
  const headers = overStanding(standing)
  const answer = await askOfTag(api, words[0] ?? '', () =>
    api.change('PUT', path, { query: { copies }, body, headers }, pinChangeAnswer),
  )
  print(context, answer, () => pinLines(answer, copies))
  return hasEnough(answer, copies) ? 'ok' : 'noAnswer'
}

/** A pin is set to what is named, a rollback goes back where nothing is. */
function readTarget({ words, options, command }: CommandContext): string {
  const isRollback = command === 'rollback'
  const { to } = options
  if (to !== undefined && words[1] !== undefined) {
    throw new CommandFailure('usage', 'DIGEST and --to DIGEST are one: leave one out')
  }
  const named = to ?? words[1]
  if (named === undefined) return isRollback ? 'previous' : 'now'
  return readDigest(named)
}

/** Whether the tag is pinned so already. */
const isAgain = (to: string, standing: StandingPin | undefined): boolean =>
  standing?.standing === 'in-force' && (to === 'now' || to === standing.digest)

/** An empty text: it is not to end. */
function readExpiry(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (text === 'never') return ''
  return readTime(text, { option: '--expires', towards: 'future', nowMs: Date.now() })
}
