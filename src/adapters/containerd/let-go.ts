import { status } from '@grpc/grpc-js'
import { checkRegistry } from '../../ports/check-registry.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { type ContainerdApi, type Deadlines, openApi } from './api.ts'
import { type Image, loadContainerdMethods } from './definitions.ts'
import { ContainerdFailure, failureOf, statusOf } from './failure.ts'
import { leaseId } from './protect.ts'
import { probeSocket } from './socket.ts'
import { imported, importLease, isOurs, letGoLabels, named } from './take-image.ts'

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
    if (!(error instanceof ContainerdFailure) && statusOf(error) === undefined) throw error
    const { state, message } = failureOf(error)
    if (state === 'absent') return undefined
    const what = `containerd at ${socket} cannot be asked to let go of images: ${message}`
    throw new HoldfastError('config-invalid', `${what}; ${cureOf(state, socket)}`, error)
  }
}

function cureOf(state: ContainerdFailure['state'], socket: string): string {
  if (state === 'denied') return 'run it as root'
  const again = 'see that it runs, and try again'
  return state === 'refused' ? `${again}, or remove ${socket} if there is no containerd` : again
}

async function letGo(api: ContainerdApi): Promise<LetGo> {
  const images = await api.images()
  // The names first: the labels tell which they are, to whoever has to try again.
  const names = [...spareNames(images), ...namesOfChecks(images)]
  for (const name of names) await unlessGone(api.deleteImage(name))
  const unpinned: string[] = []
  for (const image of images) {
    if (!isOurs(image) || names.includes(image.name)) continue
    await unlessGone(api.label(image, letGoLabels(image)))
    unpinned.push(image.name)
  }
  const all = await api.leases()
  const leases = all.filter(id => id === leaseId || id.startsWith(importLease))
  for (const id of leases) await unlessGone(api.deleteLease(id))
  return { leases, unpinned, names }
}

/** `name@digest` that we gave an image which was imported by a tag, while that tag still stands for it: once it moved on, nothing else keeps the image. */
function spareNames(images: readonly Image[]): readonly string[] {
  const targets = new Map(images.map(({ name, target }) => [name, target?.digest]))
  return images
    .filter(({ target, labels }) => {
      const cameAs = labels[imported]
      if (cameAs === undefined || labels[named] === undefined || target === null) return false
      return targets.get(cameAs) === target.digest
    })
    .map(({ name }) => name)
}

/** What a check that was cut short left: no other image has its digest. */
function namesOfChecks(images: readonly Image[]): readonly string[] {
  const checks = images.filter(({ name }) => name.startsWith(`${checkRegistry}/`))
  const digests = new Set(checks.flatMap(({ target }) => target?.digest ?? []))
  return images
    .filter(image => checks.includes(image) || digests.has(image.target?.digest ?? ''))
    .map(({ name }) => name)
}

/** It may have gone meanwhile. */
async function unlessGone(change: Promise<void>): Promise<void> {
  try {
    await change
  } catch (error) {
    if (statusOf(error) !== status.NOT_FOUND) throw error
  }
}
