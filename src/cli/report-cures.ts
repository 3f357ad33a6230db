import { formatBytes } from './print.ts'
import type { ReportAnswer } from './report-answers.ts'
import { type Failed, tellFailed, whyFailed } from './report-failed.ts'
import { isUnconfigured, registryOf, tellRegistries } from './report-registries.ts'
import { tellNoRoom } from './report-room.ts'
import {
  type Item,
  isByDigest,
  isForNobody,
  lacksReferrers,
  listOf,
  silentOf,
  some,
} from './report-terms.ts'
import { inShell, type Typed } from './type-again.ts'

/** References that are written out one by one. */
const maxTyped = 8

/** What keeps a report from being whole, and how to ask of the others. */
export function tellSilent(answer: ReportAnswer, { again }: Typed): string[] {
  const silent = silentOf(answer)
  const others = answer.nodes.flatMap(({ name, heard }) => (heard ? [name] : []))
  if (silent.length === 0 || others.length === 0) return []
  const it = silent.length === 1 ? 'it' : 'them'
  return [
    `what would start on ${listOf(silent)} nobody knows: start ${it}, or judge the others alone with \`${again({ node: others.join() })}\`; after a week a silent node is forgotten`,
  ]
}

/** The part of a pattern in its canonical form that says of which registry. */
export const registryOfPattern = (pattern: string): string => pattern.split('/', 1).join()

/** Keeps that no known tag fits. @param unaskable registries that no node may ask */
export const tellEmpty = (patterns: readonly string[], unaskable: readonly string[]): string[] =>
  patterns.map(pattern => {
    const none = `no tag that ${pattern} keeps is known yet`
    const back = `\`holdfast unkeep '${pattern}'\` takes the keep back`
    const registry = registryOfPattern(pattern)
    return unaskable.includes(registry)
      ? `${none}, and no upstream ${registry} is configured that could be asked: name it under upstreams (\`${registry}: {}\`), or bring the images with \`holdfast import\`; ${back}`
      : `${none}: \`holdfast warm\` fetches those that you name, ${back}`
  })

/** What mends it: what no fetch does first, and last the one command for all that a fetch does. */
export function tellCures(answer: ReportAnswer, typed: Typed, failed: Failed): string[] {
  const { items } = answer
  const faulty = items.filter(({ verdict }) => verdict !== 'ready')
  const toFetch = faulty.filter(isToBeFetched)
  return [
    ...tellBlocks(items),
    ...tellForNobody(faulty),
    ...tellFailed(toFetch, failed),
    ...tellNoRoom(toFetch),
    ...tellRegistries(answer, toFetch),
    ...tellUnkept(
      items.filter(item => !isInVain(item, answer, failed)),
      typed,
    ),
    ...tellReferrers(answer, typed),
    ...(isAnyLeft(answer, failed) ? tellMend(answer, toFetch, typed) : []),
  ]
}

/** The one command would fetch something that did not fail a moment ago. */
const isAnyLeft = ({ mend }: ReportAnswer, failed: Failed): boolean =>
  mend != null && (mend.leftOut > 0 || mend.job.images.some(name => !failed.has(name)))

/** Nobody has it, and it is not to be had: there is nothing that could stay. */
function isInVain(item: Item, answer: ReportAnswer, failed: Failed): boolean {
  const isHeld = item.digest != null && item.missing.length === 0
  if (isHeld || item.verdict !== 'not-ready') return false
  const isRoomless =
    (item.noRoom ?? []).length > 0 && answer.mend?.job.images.includes(item.reference) !== true
  if (isRoomless || item.digest != null) return isRoomless
  return whyFailed(item, failed) !== undefined || isUnconfigured(registryOf(item), answer)
}

/** Not what is for nobody here, or blocked and otherwise well. */
const isToBeFetched = (item: Item): boolean => {
  if (isForNobody(item)) return false
  return item.blocked == null || (item.digest != null && item.verdict === 'not-ready')
}

const tellBlocks = (items: readonly Item[]): string[] =>
  [...new Set(items.flatMap(({ blocked }) => blocked?.digest ?? []))].map(
    digest => `\`holdfast unblock ${digest}\` lets it be served again, on every node`,
  )

function tellForNobody(faulty: readonly Item[]): string[] {
  const tags = faulty.filter(isForNobody).map(({ reference }) => reference)
  if (tags.length === 0) return []
  const [one = ''] = tags
  const whose = tags.length === 1 ? 'it is' : 'each is'
  return [
    `no fetch makes ${some(tags)} start here: \`holdfast explain ${one}\` tells for which platforms ${whose}; a tag that is for these nodes has to be kept in its place`,
  ]
}

/** What is only named may go again. */
function tellUnkept(items: readonly Item[], typed: Typed): string[] {
  const useful = items.filter(item => !isForNobody(item) && item.blocked == null)
  const unkept = useful.filter(({ kept, why }) => !(kept ?? why !== 'named'))
  const tags = unkept.filter(item => !isByDigest(item)).map(({ reference }) => reference)
  const digests = unkept.length - tags.length
  const those = tags.length === 1 ? 'it stay' : 'them stay'
  return [
    ...(tags.length === 0
      ? []
      : [
          `what is only named may be dropped when room is needed: \`${typeKeep(tags, digests === 0 ? typed.list : undefined)}\` has ${those}`,
        ]),
    ...(digests === 0
      ? []
      : [
          'what is named by its digest is not kept, and may be dropped; a tag that is pinned to it is',
        ]),
  ]
}

/** One command for all of them, with the file that names them where they are many. */
const typeKeep = (tags: readonly string[], list: string | undefined): string =>
  `holdfast keep ${typeNames(tags, list)}`

const typeNames = (names: readonly string[], list: string | undefined): string =>
  names.length > maxTyped && list !== undefined ? `--list ${inShell(list)}` : names.join(' ')

/** Referrers that the one command does not fetch. */
function tellReferrers({ items, mend }: ReportAnswer, { list }: Typed): string[] {
  const isMended = (item: Item) =>
    mend?.job.referrers === true && mend.job.images.includes(item.reference)
  const left = items.filter(item => lacksReferrers(item) && !isMended(item))
  if (left.length === 0) return []
  const names = typeNames(
    left.map(({ reference }) => reference),
    list,
  )
  const whom = left.length === 1 ? 'its registry answers' : 'their registries answer'
  return [
    `\`holdfast warm ${names} --referrers\` fetches the signatures and SBOMs that are missing, once ${whom}`,
  ]
}

/** What the one command would do, which is the last line. */
function tellMend(
  { mend, items }: ReportAnswer,
  toFetch: readonly Item[],
  { again }: Typed,
): string[] {
  if (mend == null) return []
  const { job, leftOut } = mend
  const { length } = job.images
  const count = length + leftOut
  const besides =
    job.referrers === true
      ? items.filter(item => lacksReferrers(item) && !toFetch.includes(item)).length
      : 0
  const wanted = toFetch.length + besides
  const isAll = count >= wanted
  const what = isAll ? (count === 1 ? 'it' : 'them') : 'what can be fetched'
  const number = leftOut > 0 ? `the first ${length} of ${count} images` : imagesOf(length)
  const of = isAll || leftOut > 0 ? number : `${length} of ${imagesOf(wanted)}`
  return [`\`${again({ mend: 'true' })}\` fetches ${what}: ${of}${sizeOf(mend)}`]
}

export const imagesOf = (count: number): string => `${count} ${count === 1 ? 'image' : 'images'}`

/** How much comes from registries. */
export function sizeOf(mend: NonNullable<ReportAnswer['mend']>): string {
  if (mend.job.referrers !== true) return sizeOfImages(mend)
  const isNothing = mend.unsized === 0 && mend.bytes === 0
  return `${isNothing ? '' : sizeOfImages(mend)}, with signatures and SBOMs`
}

function sizeOfImages({ bytes, unsized }: NonNullable<ReportAnswer['mend']>): string {
  if (unsized > 0 && bytes === 0) return ', of a size not known yet'
  if (unsized > 0) return `, ${formatBytes(bytes)} and more`
  return bytes === 0 ? ', from the nodes that have parts of it' : `, ${formatBytes(bytes)}`
}
