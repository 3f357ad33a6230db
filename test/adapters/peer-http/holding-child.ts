/** A node in a process of its own: echoes, and holds one blob that never ends within this life. */
import { createPrivateKey } from 'node:crypto'
import { createPeerIdentity } from '../../../src/adapters/peer-http/certificate.ts'
import { createPeerServer } from '../../../src/adapters/peer-http/server.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { createChangingKeys } from '../../support/cluster-keys.ts'

const server = createPeerServer(
  {
    identity: createPeerIdentity(createPrivateKey(process.argv[2] ?? '')),
    keys: createChangingKeys('cluster'),
    service: {
      answers: new Map([['echo', async question => question]]),
      streams: new Map([
        [
          'endless',
          async function* () {
            for (;;) yield Buffer.alloc(64 * 1024)
          },
        ],
      ]),
      getManifest: async () => undefined,
      openBlob: async () => ({
        size: 2 ** 45,
        read: async into => into.length,
        close: async () => {},
      }),
    },
    isBanned: () => false,
    clock: systemClock,
    log: silentLog,
  },
  {
    address: { host: '127.0.0.1', port: 0 },
    uploadBytesPerSecond: 0,
    uploadPerPeerBytesPerSecond: 0,
    graceMs: 0,
  },
)
const { host, port } = await server.listen()
process.stdout.write(`${host}:${port}\n`)
