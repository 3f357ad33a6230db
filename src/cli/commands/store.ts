import type { RunCommand } from '../command.ts'
import { askNodes } from '../each-node.ts'
import { type StoreAnswer, storeAnswer } from '../node-answers.ts'
import { formatBytes, properties } from '../print.ts'
import type { Line } from '../table.ts'

/** `holdfast store` */
export const run: RunCommand = context =>
  askNodes(context, {
    what: 'store',
    ask: (api, path) => api.get(path, {}, storeAnswer),
    lines,
    heads: ['USED', 'OF', 'BLOBS', 'STAYS', 'DISK FREE', 'QUARANTINE', 'STATE'],
    row,
  })

function row(answer: StoreAnswer): string[] {
  const { kind, blobs, blobBytes, partialBytes, protectedBytes, freeBytes, quarantine } = answer
  if (kind === 'containerd') return ['', '', '', '', '', '', 'containerd']
  const state = answer.unusable ? 'cannot be written' : answer.full ? 'full' : 'ok'
  return [
    formatBytes(blobBytes + partialBytes),
    formatBytes(answer.capacityBytes),
    String(blobs),
    formatBytes(protectedBytes),
    formatBytes(freeBytes),
    quarantine.blobs > 0 ? String(quarantine.blobs) : '',
    state,
  ]
}

/** On a disk that others fill there is no end to making room. */
const whatStays = ({ capacityBytes, quotaBytes }: StoreAnswer): string =>
  capacityBytes < quotaBytes
    ? 'protected, or used within a day: others fill the disk'
    : 'protected, or in use'

function lines(answer: StoreAnswer): readonly Line[] {
  const { node, kind, dir, blobs, blobBytes, partialBytes, quarantine } = answer
  const containerd = containerdProperty(answer)
  if (kind === 'containerd') {
    return [`${node}: nothing is kept here, containerd is its store`, ...properties([containerd])]
  }
  const used = blobBytes + partialBytes
  const { protectedBytes, droppableBytes, freeBytes, totalBytes, minFreeBytes } = answer
  return [
    `${node}: ${formatBytes(used)} of ${formatBytes(answer.capacityBytes)} in ${dir}`,
    ...properties([
      ['blobs', `${blobs}, ${formatBytes(blobBytes)}`],
      ['unfinished', partialBytes > 0 ? formatBytes(partialBytes) : undefined],
      ['stays', `${formatBytes(protectedBytes)}: ${whatStays(answer)}`],
      ['may go', `${formatBytes(droppableBytes)}, when its room is needed`],
      ['quota', formatBytes(answer.quotaBytes)],
      [
        'disk',
        `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free, ${formatBytes(minFreeBytes)} of it left free`,
      ],
      [
        'quarantine',
        quarantine.blobs > 0
          ? `${quarantine.blobs} damaged, ${formatBytes(quarantine.bytes)}; \`holdfast scrub --status\` lists them`
          : undefined,
      ],
      containerd,
    ]),
    ...troubles(answer),
  ]
}

function containerdProperty({ containerd }: StoreAnswer): readonly [string, string | undefined] {
  const told =
    containerd &&
    `${containerd.state}, ${containerd.blobs} blobs, ${formatBytes(containerd.blobBytes)}`
  return ['containerd', told]
}

function troubles({ full, unusable }: StoreAnswer): string[] {
  return [
    ...(full
      ? ['', 'full: new content is passed on and not stored; raise store.quotaBytes, free the disk']
      : []),
    ...(unusable ? ['', 'it cannot be written: the log of the node has the error'] : []),
  ]
}
