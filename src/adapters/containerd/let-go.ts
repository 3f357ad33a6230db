import { status } from '@grpc/grpc-js'
import { checkRegistry } from '../../ports/check-registry.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { type ContainerdApi, type Deadlines, openApi } from './api.ts'
import { type Image, loadContainerdMethods } from './definitions.ts'
import { failureOf, statusOf } from './failure.ts'
import { leaseId, ours, pinned } from './protect.ts'
import { probeSocket } from './socket.ts'
import { imported, importLease } from './take-image.ts'

/** What containerd has of us no more. */
export interface LetGo {
  /** Ids. */
  readonly leases: readonly string[]
  /** Names of images that are as any other now. */
  readonly unpinned: readonly string[]
  /** Names that we made beside those that images came with. */
  readonly names: readonly string[]
}

const defaults: Deadlines = { answerMs: 5_000, listMs: 10_000 }

/**
 * Takes everything of ours out of containerd: leases, labels, and the names that we gave images. The images stay, by the names that they were
 * imported or pulled under. To be done while no node runs beside it, which would do all of it again. Resolves with `undefined` where there
 * is no such socket; rejects with a `HoldfastError` of code `config-invalid` where containerd does not answer.
 */
export async function letGoOfImages(place: {
  readonly socket: string
  readonly namespace: string
}): Promise<LetGo | undefined> {
  const { socket } = place
  try {
    await probeSocket(socket, defaults.answerMs)
    const api = openApi(loadContainerdMethods(), place, defaults)
    try {
      return await letGo(api)
    } finally {
      api.close()
    }
  } catch (error) {
    const { state, message } = failureOf(error)
    if (state === 'absent') return undefined
    const what = `containerd at ${socket} cannot be asked to let go of images: ${message}`
    throw new HoldfastError('config-invalid', `${what}; see that it runs, and try again`, error)
  }
}

async function letGo(api: ContainerdApi): Promise<LetGo> {
  const images = await api.images()
  const unpinned: string[] = []
  for (const image of images) {
    const labels = [ours, imported].filter(label => image.labels[label] !== undefined)
    if (labels.length === 0) continue
    const away = [...labels, pinned].map(label => [label, ''] as const)
    await unlessGone(api.label(image, Object.fromEntries(away)))
    unpinned.push(image.name)
  }
  const names = [...spareNames(images), ...namesOfChecks(images)]
  for (const name of names) await unlessGone(api.deleteImage(name))
  const all = await api.leases()
  const leases = all.filter(id => id === leaseId || id.startsWith(importLease))
  for (const id of leases) await unlessGone(api.deleteLease(id))
  return { leases, unpinned: unpinned.filter(name => !names.includes(name)), names }
}

/** `name@digest` of an image that was imported by a tag, while that tag still stands for it: once it moved on, nothing else keeps the image. */
function spareNames(images: readonly Image[]): readonly string[] {
  const targets = new Map(images.map(({ name, target }) => [name, target?.digest]))
  return images
    .filter(({ name, target, labels }) => {
      const cameAs = labels[imported]
      if (cameAs === undefined || cameAs === name || target === null) return false
      return targets.get(cameAs) === target.digest
    })
    .map(({ name }) => name)
}

/** What a check that was cut short left: no other image has its digest. */
function namesOfChecks(images: readonly Image[]): readonly string[] {
  const checks = images.filter(({ name }) => name.startsWith(`${checkRegistry}/`))
  const digests = new Set(checks.map(({ target }) => target?.digest))
  return images.filter(({ target }) => digests.has(target?.digest)).map(({ name }) => name)
}

/** It may have gone meanwhile. */
async function unlessGone(change: Promise<void>): Promise<void> {
  try {
    await change
  } catch (error) {
    if (statusOf(error) !== status.NOT_FOUND) throw error
  }
}
