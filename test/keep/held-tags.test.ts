import t from 'tap'
import {
  createFindStrays,
  createHeldTagsAnswer,
  heldTagsSubject,
} from '../../src/keep/held-tags.ts'
import { noPods, type Pods } from '../../src/keep/watch-pods.ts'
import { encodeCbor } from '../../src/ledger/cbor.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { PeerFailure } from '../../src/ports/peer-port.ts'

const d = (text: string) => digestOf(Buffer.from(text))
const { signal } = new AbortController()
const [web, tool] = ['docker.io/library/web:1', 'registry.lab/tool:1']
const wanted = [
  { tag: web, digest: d('web') },
  { tag: tool, digest: d('tool') },
]

const holding = (held: Readonly<Record<string, Digest>>): Pods => ({
  ...noPods,
  heldUnder: tag => held[tag],
})

const find = (here: Pods, others: Readonly<Record<string, Pods | Uint8Array | PeerFailure>> = {}) =>
  createFindStrays({
    self: { id: 'a', name: 'bridge' },
    pods: here,
    others: () => Object.keys(others).map(id => ({ id, name: `node ${id}` })),
    client: {
      async call(id, subject, question, { signal: ending }) {
        t.equal(subject, heldTagsSubject)
        const other = others[id]
        if (other === undefined || other instanceof PeerFailure) throw other
        if (other instanceof Uint8Array) return other
        return createHeldTagsAnswer(other)(question, 'a', ending)
      },
    },
    isPartOf: (image, digest) => image === d('tool') && digest === d('tool for amd64'),
  })(wanted, signal)

t.test('nodes that have another image under a tag are named', async t => {
  const strays = await find(holding({ [web]: d('old') }), {
    b: holding({ [web]: d('web'), [tool]: d('tool for amd64') }),
    c: holding({ [web]: d('older'), [tool]: d('other') }),
    d: noPods,
  })
  t.strictSame(
    [...strays],
    [
      [
        web,
        [
          { node: 'bridge', digest: d('old') },
          { node: 'node c', digest: d('older') },
        ],
      ],
      [tool, [{ node: 'node c', digest: d('other') }]],
    ],
  )
})

t.test('who is silent or talks nonsense has nothing that is known', async t => {
  const strays = await find(noPods, {
    b: new PeerFailure('timeout', 'silent'),
    c: Buffer.from('nonsense'),
    d: encodeCbor(['no digest', 7]),
    e: encodeCbor([]),
  })
  t.equal(strays.size, 0)
  await t.rejects(createHeldTagsAnswer(noPods)(Buffer.from('x'), 'a', signal), { code: 'protocol' })
})
