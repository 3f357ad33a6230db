import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createPeerIdentity } from '../src/adapters/peer-http/certificate.ts'
import { runChild, startServer } from './child.ts'
import { atMost, beside, type Figure, times } from './figure.ts'
import { watchMemory } from './memory.ts'
import type { PeerCopyOrder, PeerCopyResult } from './process/peer-copy.ts'
import type { PeerServerOrder } from './process/peer-server.ts'
import { blobBytes, own, type Scene } from './scene.ts'

const rounds = 15

/** A large blob of another node, from its page cache, by a process that knows it only by its id; hashed as it comes. */
export async function peerBlob(scene: Scene): Promise<readonly Figure[]> {
  const content = randomBytes(blobBytes)
  const file = `${scene.dir}/blob`
  await writeFile(file, content)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const [ours, theirs] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
  const pem = { type: 'pkcs8', format: 'pem' } as const
  const key = String(ours.privateKey.export(pem))
  const secret = randomBytes(32).toString('hex')
  const serverKey = String(theirs.privateKey.export(pem))
  const serving = { file, key: serverKey, secret } satisfies Omit<PeerServerOrder, 'how'>
  const servers = {
    peer: own(scene, await startServer('peer-server', { ...serving, how: 'peer' })),
    bare: own(scene, await startServer('peer-server', { ...serving, how: 'bare' })),
  }
  const { id } = createPeerIdentity(theirs.privateKey)

  async function copy(how: PeerCopyOrder['how']): Promise<Copied> {
    const { url, pid } = servers[how]
    const usedBefore = await cpuMsOf(pid)
    const order = { how, address: new URL(url).host, id, key, secret, sha256 }
    const done = await runChild<PeerCopyResult>('peer-copy', order satisfies PeerCopyOrder)
    return {
      mbPerSecond: done.bytes / 1e3 / done.wholeMs,
      cpuMs: done.cpuMs + (await cpuMsOf(pid)) - usedBefore,
      peakMb: done.peakMb,
    }
  }

  const peer: Copied[] = []
  const bare: Copied[] = []
  const memory = await watchMemory(servers.peer.pid, async () => {
    for (let round = 1; round <= rounds; round += 1) {
      scene.say(`round ${round} of ${rounds}`)
      bare.push(await copy('bare'))
      peer.push(await copy('peer'))
    }
  })
  const compare = (pick: keyof Copied) =>
    beside(
      peer.map(one => one[pick]),
      'bare mutual TLS, undici, hashed',
      bare.map(one => one[pick]),
    )
  const what = '200 MB blob from a peer, one client'
  return [
    { what, unit: 'MB/s', ...compare('mbPerSecond'), aim: times(0.8) },
    { what: `${what}: CPU of both`, unit: 'ms', ...compare('cpuMs') },
    { what: `${what}: resident, reader, peak`, unit: 'MB', ...compare('peakMb') },
    { what: `${what}: resident, sender, peak`, value: memory.peakMb, unit: 'MB', aim: atMost(128) },
  ]
}

interface Copied {
  readonly mbPerSecond: number
  readonly cpuMs: number
  readonly peakMb: number
}

/** What a process has used so far; Linux counts in hundredths of a second. */
async function cpuMsOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
