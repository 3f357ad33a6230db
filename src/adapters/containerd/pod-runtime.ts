import { Metadata, type MethodDefinition } from '@grpc/grpc-js'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { formatReference, parseFullReference, parseReference } from '../../oci/reference.ts'
import type { PodContainer, PodRuntime, PodView } from '../../ports/pod-runtime.ts'
import { ask, openClient } from './connection.ts'
import { told } from './cri.ts'
import { type Container, loadCriMethods, type PodSandbox } from './cri-definitions.ts'
import { type Image, loadContainerdMethods } from './definitions.ts'

/** It answers from memory; a busy small machine takes its time all the same, ms. */
const askWithinMs = 5_000

/** Where CRI keeps what it runs, whatever namespace else is looked into. */
const namespace = 'k8s.io'

/**
 * Asks CRI, v1, for pods, and containerd itself for names: CRI knows images by the digest of their config, and does not tell which manifest
 * a tag stands for. Opens no connection before it is asked. @param socket path of a unix socket
 */
export function openPodRuntime(socket: string): PodRuntime {
  const cri = loadCriMethods()
  const { listImages } = loadContainerdMethods()
  const client = openClient(socket)
  const none = new Metadata()
  const within = new Metadata()
  within.set('containerd-namespace', namespace)

  const call = <Q, A>(method: MethodDefinition<Q, A>, question: Q, metadata: Metadata) =>
    ask(client, method, question, metadata, askWithinMs)

  return {
    async look() {
      try {
        const [{ items }, { containers }, { images }] = await Promise.all([
          call(cri.listSandboxes, {}, none),
          call(cri.listContainers, {}, none),
          call(listImages, { filters: [] }, within),
        ])
        return readView(items, containers, images)
      } catch (error) {
        throw told(error, socket)
      }
    },
    close: () => client.close(),
  }
}

/** Puts together what was told of pods and of images. */
function readView(
  sandboxes: readonly PodSandbox[],
  containers: readonly Container[],
  images: readonly Image[],
): PodView {
  const pods = new Map(sandboxes.map(each => [each.id, each]))
  const names = readNames(images)
  return {
    containers: containers.flatMap(each => {
      const pod = pods.get(each.podSandboxId)
      return pod === undefined ? [] : [describe(each, pod, names)]
    }),
    tags: new Map([...names.targets].filter(([name]) => isTagName(name))),
  }
}

interface Names {
  /** By every name, ids of images among them. */
  readonly targets: ReadonlyMap<string, Digest>
  /** References alone, in their canonical form. */
  readonly of: ReadonlyMap<Digest, readonly string[]>
}

function readNames(images: readonly Image[]): Names {
  const targets = new Map<string, Digest>()
  const of = new Map<Digest, string[]>()
  for (const { name, target } of images) {
    const digest = parseDigest(target?.digest ?? '')
    if (digest === undefined) continue
    const reference = parseFullReference(name)
    const canonical = reference === undefined ? name : formatReference(reference)
    targets.set(canonical, digest)
    if (reference !== undefined) of.set(digest, [...(of.get(digest) ?? []), canonical])
  }
  return { targets, of }
}

const isTagName = (name: string): boolean => {
  const reference = parseFullReference(name)
  return reference?.tag !== undefined && reference.digest === undefined
}

function describe(
  { metadata, image, imageRef, createdAt }: Container,
  { metadata: pod, state }: PodSandbox,
  { targets, of }: Names,
): PodContainer {
  const named = nameOf(image?.userSpecifiedImage) ?? nameOf(image?.image)
  // Never what its tag stands for now: that may have moved since the container was made.
  const digest = targets.get(imageRef) ?? digestIn(imageRef) ?? digestIn(named)
  const known = digest === undefined ? [] : (of.get(digest) ?? [])
  return {
    namespace: pod?.namespace ?? '',
    pod: pod?.name ?? '',
    container: metadata?.name ?? '',
    images: named === undefined ? usedNames(known) : [named],
    digest,
    isRunning: state === 'SANDBOX_READY',
    createdAtMs: Math.round(createdAt / 1e6),
  }
}

/** Of a name with a digest. */
const digestIn = (name = ''): Digest | undefined => parseDigest(name.split('@')[1] ?? '')

/** What a pod names, in its canonical form: where it names a digest, that decides. `undefined`: nothing, or an image's id. */
function nameOf(text = ''): string | undefined {
  if (text === '' || parseDigest(text) !== undefined) return undefined
  try {
    const { tag, digest, ...repository } = parseReference(text)
    return formatReference({ ...repository, tag: digest === undefined ? tag : undefined, digest })
  } catch {
    return undefined
  }
}

/** CRI gives each image that it pulled by a tag a name with the digest, too; that one counts where it has no other. */
function usedNames(names: readonly string[]): readonly string[] {
  const tags = names.filter(isTagName)
  return (tags.length > 0 ? tags : names).toSorted()
}
