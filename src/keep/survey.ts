import { decodeCbor, encodeCbor, isCount, readList } from '../ledger/cbor.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import {
  formatReference,
  type ImageName,
  isTagName,
  parseReference,
  type TagReference,
} from '../oci/reference.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import { createTurns } from '../ports/turns.ts'
import { askNode } from './ask-node.ts'
import {
  decodeReferrers,
  encodeReferrers,
  type KnownReferrer,
  type ToldReferrers,
  tellReferrers,
} from './image-referrers.ts'
import { decodeRoom, encodeRoom, type ToldRoom } from './image-room.ts'
import { decodeReaches, encodeReaches, type RegistryReach, registriesOf } from './registry-reach.ts'

/** Subject on the peer port: what do you lack of these images? */
export const surveySubject = 'survey'

/** Images that one question may name. */
export const maxSurveyed = 1_000
/** A question and an answer are no longer than this, bytes. */
const maxBytes = 1024 * 1024
const maxPlatforms = 16
/** Referrers in an answer, of all images together: all of it has to fit. */
const maxReferrers = 3_000
/** Digests of one tag. */
const maxDigests = 8
/** How long a node may take to answer, ms: it looks into its memory alone. */
const askMs = 2_000

/** An image as it is named, and what its tag may be answered with: the newest digest first. */
export interface SurveyedImage {
  readonly key: ImageName
  readonly digests: readonly Digest[]
}

/** What one node says of one image. */
export interface SurveyedHoldings {
  /**
   * For each platform of its clients, in their order: how many of the manifests and blobs that such a client needs of the newest digest it
   * lacks, as far as it knows them; `undefined` when there is nothing for that platform.
   */
  readonly lacks: readonly (number | undefined)[]
  /** Which of the digests it may answer the tag with, by what its own ledger says; a digest stands for itself. */
  readonly knows: readonly Digest[]
  /**
   * As in `linux/amd64`, for digests that are images by themselves and whose configs the node read: no index tells it, and who does not
   * hold the config cannot know it.
   */
  readonly madeFor: ReadonlyMap<Digest, string>
  /** Of the newest digest; `undefined`: it says nothing of them, as a node of before they were told. */
  readonly referrers: ToldReferrers | undefined
}

/** What one node holds of some images, in the order in which they were asked about. */
export interface Survey {
  /** Of its clients, as in `linux/amd64`. */
  readonly platforms: readonly string[]
  readonly images: readonly SurveyedHoldings[]
  /** Its store takes nothing more: what it lacks does not come by itself. */
  readonly isFull: boolean
  /** `undefined`: it keeps nothing itself, or is a node of before it was told. */
  readonly room: ToldRoom | undefined
  /** Of the registries of the images; empty: a node of before it was told. */
  readonly reaches: ReadonlyMap<string, RegistryReach>
}

/** A node that is asked. */
export interface SurveyParts {
  readonly platforms: readonly string[]
  /** How many parts it lacks of an image for clients of a platform; `undefined` when there is nothing for them. */
  readonly countLacking: (target: Digest, platform: string) => number | undefined
  /** What an image says itself that it is for; `undefined` when it is not known. */
  readonly platformOf: (target: Digest) => string | undefined
  /** Those of which it holds the manifest. */
  readonly referrersOf: (target: Digest) => readonly KnownReferrer[]
  readonly isFull: () => boolean
  /** `undefined`: it keeps nothing itself. */
  readonly room: () => ToldRoom | undefined
  readonly reachOf: (registry: string) => RegistryReach
  /** Digests that it may answer a tag with. */
  readonly answersOf: (key: TagReference) => readonly Digest[]
}

/** What this node says of itself. Others of this thread have their turn between the images. */
export async function surveyHere(
  {
    platforms,
    countLacking,
    platformOf,
    referrersOf,
    isFull,
    room,
    reachOf,
    answersOf,
  }: SurveyParts,
  images: readonly SurveyedImage[],
): Promise<Survey> {
  const turns = createTurns()
  const surveyed: Survey['images'][number][] = []
  let left = maxReferrers
  for (const { key, digests } of images) {
    const [newest] = digests
    const answers = isTagName(key) ? answersOf(key) : digests
    const referrers = tellReferrers(newest === undefined ? [] : referrersOf(newest))
    left -= referrers.first.length
    surveyed.push({
      lacks: platforms.map(platform => newest && countLacking(newest, platform)),
      knows: digests.filter(digest => answers.includes(digest)),
      madeFor: byDigest(digests, digests.map(platformOf)),
      referrers: left < 0 ? undefined : referrers,
    })
    await turns.take()
  }
  const reaches = new Map(registriesOf(images).map(registry => [registry, reachOf(registry)]))
  return { platforms, isFull: isFull(), room: room(), reaches, images: surveyed }
}

function byDigest(
  digests: readonly Digest[],
  texts: readonly (string | undefined)[],
): ReadonlyMap<Digest, string> {
  const pairs = digests.flatMap((digest, at) => {
    const text = texts[at]
    return text === undefined || text === '' ? [] : [[digest, text] as const]
  })
  return new Map(pairs)
}

/** Answers others who want to know what this node holds. */
export function createSurveyAnswer(parts: SurveyParts): PeerAnswer {
  return async question => {
    const images = decodeQuestion(question)
    if (images === undefined) throw new PeerFailure('protocol', 'no images to look for')
    return encodeSurvey(await surveyHere(parts, images), images)
  }
}

/** Asks a node what it holds of at most {@link maxSurveyed} images; `undefined` when it does not say. Rejects only when `signal` aborts. */
export async function askSurvey(
  client: Pick<PeerClient, 'call'>,
  id: NodeId,
  images: readonly SurveyedImage[],
  signal: AbortSignal,
): Promise<Survey | undefined> {
  const options = { signal, timeoutMs: askMs, maxBytes }
  const answer = await askNode(client, id, surveySubject, encodeQuestion(images), options)
  return answer && decodeSurvey(answer, images)
}

const encodeQuestion = (images: readonly SurveyedImage[]): Uint8Array =>
  encodeCbor(images.map(({ key, digests }) => [formatReference(key), digests]))

function decodeQuestion(bytes: Uint8Array): readonly SurveyedImage[] | undefined {
  const value = bytes.byteLength > maxBytes ? undefined : decodeCbor(bytes)
  return readList(value, maxSurveyed, readImage)
}

function readImage(value: unknown): SurveyedImage | undefined {
  if (!Array.isArray(value)) return undefined
  const [name, texts]: readonly unknown[] = value
  const key = typeof name === 'string' && name.length <= 1_024 ? readName(name) : undefined
  const digests = readList(texts, maxDigests, text =>
    typeof text === 'string' ? parseDigest(text) : undefined,
  )
  return key && digests && { key, digests }
}

/** `undefined` when it is none. */
function readName(text: string): ImageName | undefined {
  try {
    return parseReference(text)
  } catch {
    return undefined
  }
}

/**
 * What a node knows of an image's digests is told by their places. Nodes of before a last part, of the whole or of an image, neither send nor
 * miss it.
 */
const encodeSurvey = (survey: Survey, asked: readonly SurveyedImage[]): Uint8Array =>
  encodeCbor([
    survey.platforms,
    survey.images.map(({ lacks, knows, madeFor, referrers }, at) => {
      const digests = asked[at]?.digests ?? []
      return [
        lacks.map(count => count ?? null),
        knows.map(digest => digests.indexOf(digest)),
        digests.map(digest => madeFor.get(digest) ?? ''),
        encodeReferrers(referrers),
      ]
    }),
    survey.isFull,
    encodeReaches(survey.reaches, registriesOf(asked)),
    encodeRoom(survey.room),
  ])

/** `undefined` when it is none for these images. Never throws. */
function decodeSurvey(bytes: Uint8Array, asked: readonly SurveyedImage[]): Survey | undefined {
  const value = decodeCbor(bytes)
  if (!Array.isArray(value)) return undefined
  const [names, rows, isFull, states, room]: readonly unknown[] = value
  const platforms = readList(names, maxPlatforms, readPlatform)
  if (platforms === undefined || !Array.isArray(rows) || rows.length !== asked.length) {
    return undefined
  }
  const images = readList(rows, maxSurveyed, (row, at) =>
    readHoldings(row, platforms.length, asked[at]?.digests ?? []),
  )
  const reaches = decodeReaches(states, registriesOf(asked))
  return (
    images && {
      platforms,
      images,
      isFull: isFull === true,
      room: decodeRoom(room),
      reaches,
    }
  )
}

const readPlatform = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 100 ? value : undefined

function readHoldings(
  row: unknown,
  platforms: number,
  digests: readonly Digest[],
): SurveyedHoldings | undefined {
  if (!Array.isArray(row)) return undefined
  const [counts, places, texts = [], referrers]: readonly unknown[] = row
  if (!Array.isArray(counts) || counts.length !== platforms) return undefined
  if (!counts.every(count => count === null || isCount(count))) return undefined
  const knows = readList(places, digests.length, place => digests[Number(place)])
  const named = readList(texts, digests.length, readPlatform)
  if (knows === undefined || named === undefined) return undefined
  return {
    lacks: counts.map(count => count ?? undefined),
    knows,
    madeFor: byDigest(digests, named),
    referrers: decodeReferrers(referrers),
  }
}
