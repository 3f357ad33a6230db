import { generateKeyPairSync } from 'node:crypto'
import { openLibp2pBus } from '../../../src/adapters/libp2p/open-bus.ts'
import type { Bus } from '../../../src/ports/bus.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import type { ClusterKeys } from '../../../src/ports/cluster-keys.ts'
import { silentLog } from '../../../src/ports/log.ts'

/** A node on a free port of loopback, with a new identity. */
export function startLibp2p(keys: ClusterKeys, host = '127.0.0.1'): Promise<Bus> {
  const { privateKey } = generateKeyPairSync('ed25519')
  return openLibp2pBus(
    { privateKey, keys, clock: systemClock, log: silentLog },
    { listen: { host, port: 0 } },
  )
}
