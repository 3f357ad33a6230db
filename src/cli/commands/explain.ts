import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { likelyBelow } from '../likely-tags.ts'
import { conflictLines, standingOf } from '../pin-words.ts'
import { formatBytes, formatSayer, print } from '../print.ts'
import { resolutionLines } from '../resolution-words.ts'
import { columns, indented, type Line } from '../table.ts'
import { type TagAnswer, tagAnswer } from '../tag-answers.ts'
import { tagPath } from '../tag-words.ts'

/** `holdfast explain REF` */
export const run: RunCommand = async context => {
  const [word = ''] = context.words
  const path = tagPath(word)
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get(path, {}, tagAnswer)
  const likely = isKnown(answer) ? [] : await likelyBelow(context, api, word)
  print(context, answer, () => [...lines(answer), ...likely])
  return answer.resolution.found ? 'ok' : 'noAnswer'
}

/** Also where it is answered with nothing: the list of tags leaves out what is blocked. */
const isKnown = ({ resolution, history, live, pin }: TagAnswer): boolean =>
  resolution.found || history.length > 0 || live != null || pin != null

function lines(answer: TagAnswer): readonly Line[] {
  return [
    answer.reference,
    ...resolutionLines(answer.resolution),
    ...part('pin:', pinLines(answer)),
    ...part(`what is held here of ${answer.digest}:`, platformLines(answer)),
    ...part('other nodes that hold it:', holderLines(answer)),
    ...part('what it stood for:', historyLines(answer)),
    ...part('last answers of this node:', answerLines(answer)),
  ]
}

/** A heading and what stands under it; nothing without that. */
const part = (heading: string, under: readonly Line[]): readonly Line[] =>
  under.length === 0 ? [] : ['', heading, ...under.map(indented)]

function pinLines({ pin, live }: TagAnswer): readonly Line[] {
  if (pin == null) return []
  const { digest, author, setAt, setOn, setOnName, expiresAt, note } = pin
  const on = formatSayer(setOn, setOnName) ?? ''
  const expires = pin.standing === 'removed' ? '' : (expiresAt ?? 'never')
  return [
    ...columns([
      ['STANDING', 'DIGEST', 'SET', 'ON', 'EXPIRES', 'AUTHOR', 'NOTE'],
      [standingOf(pin), digest ?? '', setAt, on, expires, author ?? '', note ?? ''],
    ]),
    ...pinAside(pin, live),
    ...conflictLines([pin]).slice(1),
  ]
}

/** What clients would get without the pin, or what puts it in force. */
function pinAside(
  { standing, digest }: NonNullable<TagAnswer['pin']>,
  live: TagAnswer['live'],
): readonly Line[] {
  if (standing === 'blocked') {
    return [
      `\`holdfast unblock ${digest}\` puts it in force again, \`holdfast blocks\` tells why it is not`,
    ]
  }
  if (standing !== 'in-force') return []
  if (live == null) return ['what its registry names is not known: nobody has asked it so far']
  const what = live.digest === digest ? 'the same digest' : live.digest
  const who =
    live.source === 'upstream' ? 'its registry named' : `without the pin it is, by ${live.source},`
  return [
    `${who} ${what} when it was last asked, at ${live.confirmedAt}; \`holdfast refresh\` asks now`,
  ]
}

function platformLines({ platforms }: TagAnswer): readonly Line[] {
  if (platforms.length === 0) return []
  const rows = platforms.map(({ platform, wanted, manifest, ...held }) => [
    platform,
    tellState(held),
    wanted ? '' : 'no client needs it',
    manifest ?? '',
  ])
  return columns([['PLATFORM', 'STATE', '', 'MANIFEST'], ...rows])
}

/** Sizes are told by manifests: a part whose manifest is not here has none. */
function tellState({
  state,
  missing,
}: Pick<TagAnswer['platforms'][number], 'state' | 'missing'>): string {
  if (state === 'absent') return 'not in the image'
  if (state !== 'incomplete') return state
  if (missing.some(({ kind }) => kind === 'manifest')) return 'manifest not held'
  const bytes = missing.reduce((sum, { size }) => sum + (size ?? 0), 0)
  return `${missing.length} ${missing.length === 1 ? 'blob' : 'blobs'} missing, ${formatBytes(bytes)}`
}

function holderLines({ holders }: TagAnswer): readonly Line[] {
  return columns(
    holders.map(({ id, name, ...held }) => [name ?? formatSayer(id) ?? id, tellHeld(held)]),
  )
}

function tellHeld({
  holds,
  of,
  indexOnly,
}: Pick<TagAnswer['holders'][number], 'holds' | 'of' | 'indexOnly'>): string {
  if (indexOnly === true) return 'the index alone'
  return holds === of ? 'all of it' : `${holds} of ${of} parts`
}

function historyLines({ live, history }: TagAnswer): readonly Line[] {
  const all = [...(live == null ? [] : [live]), ...history]
  if (all.length === 0) return []
  const rows = all.map(one => [
    one.digest,
    one.firstSeenAt,
    one.confirmedAt,
    one.source,
    formatSayer(one.saidBy, one.saidByName) ?? '',
    tellSeen(one),
  ])
  return [
    ...columns([['DIGEST', 'FIRST SEEN', 'CONFIRMED', 'SOURCE', 'SAID BY', ''], ...rows]),
    ...blockedLines(history),
  ]
}

/** What keeps a digest of the history from being answered with. */
const tellSeen = ({ blocked, complete }: TagAnswer['history'][number]): string =>
  [...(blocked === true ? ['blocked'] : []), ...(complete ? [] : ['incomplete here'])].join(', ')

/** How what is blocked comes back. */
function blockedLines(history: TagAnswer['history']): readonly Line[] {
  const blocked = history.find(one => one.blocked === true)
  return blocked === undefined
    ? []
    : [`\`holdfast unblock ${blocked.digest}\` lets it be answered with again`]
}

function answerLines({ answers }: TagAnswer): readonly Line[] {
  if (answers.length === 0) return []
  const rows = answers.map(({ lastAt, digest, source, count, reason }) => [
    lastAt,
    digest ?? 'none',
    source,
    String(count),
    reason,
  ])
  return columns([['LAST', 'DIGEST', 'SOURCE', 'TIMES', 'BECAUSE'], ...rows])
}
