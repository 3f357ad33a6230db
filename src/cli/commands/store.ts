import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { RunCommand } from '../command.ts'
import { type StoreAnswer, storeAnswer } from '../node-answers.ts'
import { nodePath } from '../node-words.ts'
import { formatBytes, print, properties } from '../print.ts'

/** `holdfast store` */
export const run: RunCommand = async context => {
  const path = nodePath(context, 'store')
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get(path, {}, storeAnswer)
  print(context, answer, () => lines(answer))
  return 'ok'
}

function lines(answer: StoreAnswer): string[] {
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
      ['stays', `${formatBytes(protectedBytes)}: protected, or in use`],
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
