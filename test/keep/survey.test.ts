import t from 'tap'
import {
  askSurvey,
  createSurveyAnswer,
  maxSurveyed,
  type SurveyParts,
  surveyHere,
} from '../../src/keep/survey.ts'
import { encodeCbor } from '../../src/ledger/cbor.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { PeerFailure } from '../../src/ports/peer-port.ts'

const { signal } = new AbortController()
const digest = (text: string) => digestOf(Buffer.from(text))
const [first, second, third] = [digest('a'), digest('b'), digest('c')]
const platforms = ['linux/amd64', 'linux/arm64']
const keyOf = (tag: string) => ({ registry: 'reg.test', repository: 'lab/app', tag })
const images = [
  { key: keyOf('one'), digests: [first, third] },
  { key: keyOf('two'), digests: [second] },
  { key: keyOf('three'), digests: [] },
]
const known = (digest: Digest) => ({ digest, artifactType: 'a/signature', isWhole: true })
const many = Array.from({ length: 23 }, (_, at) => digest(`${at}`)).sort()
const none = { first: [], more: 0 }
const parts: SurveyParts = {
  platforms,
  isFull: () => true,
  room: () => ({ quotaBytes: 100, fitsBytes: 7 }),
  reachOf: registry =>
    registry === 'reg.test'
      ? { state: 'down', forMs: 7_000 }
      : { state: 'unheard', forMs: undefined },
  countLacking(target, platform) {
    if (target === first) return 0
    return platform === 'linux/arm64' ? undefined : 7
  },
  platformOf: target => (target === third ? 'linux/arm64' : undefined),
  referrersOf: target => {
    if (target === first) return [known(second), { ...known(first), isWhole: false }]
    return target === second ? many.toReversed().map(known) : []
  },
  answersOf: ({ tag }) => (tag === 'one' ? [third, second] : []),
}

/** One node asks another, which answers with these bytes, or as a node does. */
const ask = (answered?: Uint8Array | PeerFailure) =>
  askSurvey(
    {
      async call(_id, _subject, question, { signal: ending }) {
        if (answered instanceof PeerFailure) throw answered
        return answered ?? createSurveyAnswer(parts)(question, 'asker', ending)
      },
    },
    'other',
    images,
    signal,
  )

t.test('a node says by image and platform how much it lacks, and what it answers with', async t => {
  t.strictSame(await ask(), {
    platforms,
    isFull: true,
    room: { quotaBytes: 100, fitsBytes: 7 },
    reaches: new Map([['reg.test', { state: 'down', forMs: 7_000 }]]),
    images: [
      {
        lacks: [0, 0],
        knows: [third],
        madeFor: new Map([[third, 'linux/arm64']]),
        referrers: {
          first: [{ ...known(first), isWhole: false }, known(second)].sort((a, b) =>
            a.digest < b.digest ? -1 : 1,
          ),
          more: 0,
        },
      },
      {
        lacks: [7, undefined],
        knows: [],
        madeFor: new Map(),
        referrers: { first: many.slice(0, 20).map(known), more: 3 },
      },
      { lacks: [undefined, undefined], knows: [], madeFor: new Map(), referrers: none },
    ],
  })
  t.strictSame(await ask(), await surveyHere(parts, images), 'as it does to itself')
})

t.test('who does not answer, or answers something else, has said nothing', async t => {
  t.equal(await ask(new PeerFailure('timeout', 'silent')), undefined)
  const row = [[1, 2], [0]]
  const bare = [[1, 2], []]
  const wrong = {
    'not CBOR': Buffer.from('hello'),
    'no list': encodeCbor(new Map()),
    'one part': encodeCbor([platforms]),
    'no platforms': encodeCbor([7, [row, row, bare]]),
    'platforms that are no text': encodeCbor([
      [1, 2],
      [row, row, bare],
    ]),
    'a platform without end': encodeCbor([
      ['x'.repeat(101), 'y'],
      [row, row, bare],
    ]),
    'too many platforms': encodeCbor([Array(17).fill('p'), Array(3).fill([Array(17).fill(0), []])]),
    'too few images': encodeCbor([platforms, [row, row]]),
    'a short row': encodeCbor([platforms, [row, row, [[1], []]]]),
    'a negative count': encodeCbor([platforms, [row, row, [[1, -1], []]]]),
    'a text for a count': encodeCbor([platforms, [row, row, [[1, 'x'], []]]]),
    'a digest that was not asked about': encodeCbor([platforms, [row, row, [[1, 1], [0]]]]),
    'a platform of no digest': encodeCbor([platforms, [row, row, [[1, 1], [], ['x']]]]),
    'a platform that is no text': encodeCbor([platforms, [[[1, 2], [0], [7]], row, bare]]),
    'more digests than there are': encodeCbor([
      platforms,
      [
        row,
        [
          [1, 1],
          [0, 0],
        ],
        bare,
      ],
    ]),
  }
  t.not(await ask(encodeCbor([platforms, [row, row, bare]])), undefined, 'this one is right')
  for (const states of [undefined, 7, [7], [['of a later version', 1]], [[], []]]) {
    const said = await ask(encodeCbor([platforms, [row, row, bare], true, states ?? null]))
    t.strictSame(said?.reaches, new Map(), 'what it says of registries may be missing')
  }
  for (const [room, told] of [
    [undefined, undefined],
    [7, undefined],
    [[-1, 2], undefined],
    [[100], { quotaBytes: 100, fitsBytes: undefined }],
    [[100, null, 'more'], { quotaBytes: 100, fitsBytes: undefined }],
  ] as const) {
    const parts = [platforms, [row, row, bare], true, [], ...(room === undefined ? [] : [room])]
    t.strictSame((await ask(encodeCbor(parts)))?.room, told, 'nor need it tell of its store')
  }
  for (const told of [
    undefined,
    7,
    [],
    [[], -1],
    [[[first, 7, true]], 0],
    [[['x', '', true]], 0],
  ]) {
    const odd = [[1, 2], [0], ['', ''], ...(told === undefined ? [] : [told])]
    const said = await ask(encodeCbor([platforms, [odd, row, bare]]))
    t.equal(said?.images[0]?.referrers, undefined, 'nor need it say what refers to an image')
  }
  for (const type of ['', 'x'.repeat(101), 'a\u001b[2J', 'ä']) {
    const odd = [[1, 2], [0], ['', ''], [[[first, type, true]], 0]]
    const said = await ask(encodeCbor([platforms, [odd, row, bare]]))
    const told = { first: [{ ...known(first), artifactType: undefined }], more: 0 }
    t.strictSame(said?.images[0]?.referrers, told, 'a type that is none')
  }
  for (const [what, bytes] of Object.entries(wrong)) t.equal(await ask(bytes), undefined, what)
})

t.test('a question that names no images, or too many, is refused', async t => {
  const answer = createSurveyAnswer(parts)
  const image = ['reg.test/lab/app:one', [first]]
  const many = Array(maxSurveyed + 1).fill(image)
  for (const question of [
    'nginx',
    [1],
    [['reg.test/lab/app:one']],
    [['::', [first]]],
    [['reg.test/lab/app:one', ['sha256:x']]],
    [['reg.test/lab/app:one', Array(9).fill(first)]],
    [[`reg.test/${'a'.repeat(2_000)}:one`, [first]]],
    many,
    new Map(),
  ]) {
    await t.rejects(answer(encodeCbor(question), 'asker', signal), { code: 'protocol' })
  }
  await t.resolves(answer(encodeCbor([image]), 'asker', signal))
  await t.rejects(answer(Buffer.alloc(2_000_000), 'asker', signal), { code: 'protocol' })
})

t.test('a fault of ours is not taken for silence', async t => {
  const broken = { call: () => Promise.reject(new TypeError('a fault')) }
  await t.rejects(askSurvey(broken, 'other', images, signal), TypeError)
})

t.test(
  'an answer tells of so many referrers that it fits, and of the other images none',
  async t => {
    const asked = Array.from({ length: maxSurveyed }, (_, at) => ({
      key: keyOf(`t${at}`),
      digests: [digest(`image ${at}`)],
    }))
    const long = { ...parts, referrersOf: () => many.map(one => ({ ...known(one), artifactType })) }
    const artifactType = 'x'.repeat(100)
    const client = {
      async call(_id: string, _subject: string, question: Uint8Array, { maxBytes = 0 }) {
        const bytes = await createSurveyAnswer(long)(question, 'asker', signal)
        t.ok(bytes.byteLength <= maxBytes)
        return bytes
      },
    }
    const said = await askSurvey(client, 'other', asked, signal)
    const told = said?.images.map(({ referrers }) => referrers?.first.length)
    t.strictSame(told?.slice(149, 151), [20, undefined])
    t.strictSame(said?.images.at(-1)?.referrers, undefined)
  },
)
