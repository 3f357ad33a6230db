import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { askOfTag } from '../likely-tags.ts'
import { listPins } from '../list-pins.ts'
import { type PinAnswer, type PinsAnswer, pinAnswer } from '../operator-answers.ts'
import { conflictLines, pinPath, standingOf, strayLines } from '../pin-words.ts'
import { formatSayer, print, properties, readLimit } from '../print.ts'
import { columns, type Line } from '../table.ts'

const mostPins = 100_000

/** `holdfast pins [REF]` */
export const run: RunCommand = async context => {
  const [word] = context.words
  const path = word === undefined ? undefined : pinPath(word)
  const limit = readLimit(context.options['limit'], 1000, mostPins)
  const api = createAdminApi(await findAdmin(context))
  if (word !== undefined && path !== undefined) {
    const pin = await askOfTag(api, word, () => api.get(path, {}, pinAnswer))
    print(context, pin, () => describe(pin))
    return 'ok'
  }
  const answer = await listPins(api, limit)
  print(context, answer, () => list(answer.items))
  return 'ok'
}

function list(items: PinsAnswer['items']): readonly Line[] {
  if (items.length === 0) return ['nothing is pinned']
  const expired = items.filter(isExpired)
  const inOrder = [...items.filter(pin => !isExpired(pin)), ...expired]
  const rows = inOrder.map(pin => [
    pin.reference,
    pin.digest ?? '',
    standingOf(pin),
    pin.expiresAt ?? 'never',
    pin.author ?? '',
    pin.note ?? '',
  ])
  return [
    ...columns([['TAG', 'DIGEST', 'STANDING', 'EXPIRES', 'AUTHOR', 'NOTE'], ...rows]),
    ...conflictLines(items),
    ...strayLines(items),
    ...expiredLines(expired),
  ]
}

const isExpired = ({ standing }: Pick<PinAnswer, 'standing'>): boolean => standing === 'expired'

/** What became of their tags, and how to be rid of them. */
function expiredLines(expired: PinsAnswer['items']): readonly Line[] {
  const { length } = expired
  if (length === 0) return []
  const [is, tag, they] =
    length === 1
      ? ['pin has', 'its tag follows its registry', 'it stays']
      : ['pins have', 'their tags follow their registries', 'they stay']
  return [
    '',
    `${length} ${is} expired: ${tag} again, and ${they} in the list until \`holdfast unpin REF\``,
  ]
}

function describe(pin: PinAnswer): readonly Line[] {
  const { reference, digest, note, expiresAt, history } = pin
  const isSettled = history.every(({ conflict }) => !conflict)
  const rows = history.map((event, at) => [
    event.at,
    event.digest ?? 'removed',
    event.author ?? '',
    formatSayer(event.setOn, event.setOnName) ?? '',
    conflictOf(history, at),
    event.note ?? '',
  ])
  return [
    `${reference}: ${standingOf(pin)}`,
    ...properties([
      ['digest', digest],
      ['note', note],
      ['until', expiresAt],
    ]),
    '',
    ...columns([['AT', 'DIGEST', 'AUTHOR', 'ON', isSettled ? '' : 'CONFLICT', 'NOTE'], ...rows]),
    ...conflictLines([pin]),
    ...strayLines([pin]),
  ]
}

/** Which other words were said without knowing of this one, as they stand in the list, the newest first. */
function conflictOf(history: PinAnswer['history'], at: number): string {
  const others = (history[at]?.conflictsWith ?? []).map(other => {
    const place = history.findIndex(one => one.at === other.at && one.setOn === other.setOn)
    if (Math.abs(place - at) > 1) return `with that of ${other.at}`
    return place > at ? 'with the one below' : 'with the one above'
  })
  return others.join(', ')
}
