/**
 * A node in a process of its own. Prints where it listens, dials what it is given, prints what it hears and who joins; `end` on its
 * standard input closes the bus, after which nothing keeps the process.
 */

import { createChangingKeys } from '../../support/cluster-keys.ts'
import { startLibp2p } from './support.ts'

const bus = await startLibp2p(createChangingKeys('k'))
const say = (text: string): void => void process.stdout.write(`${text}\n`)
bus.judge(message => {
  say(`heard ${Buffer.from(message).toString('latin1', 0, 40)}`)
  return 'accept'
})
bus.onNeighbour(({ kind }) => say(kind))
say(`listening ${bus.listening[0]}`)
const [address] = process.argv.slice(2)
if (address !== undefined) await bus.dial(address, AbortSignal.timeout(10_000))
process.stdin.once('data', async () => {
  process.stdin.destroy()
  await bus.close()
  say(`closed ${process.getActiveResourcesInfo().filter(name => name !== 'PipeWrap').length}`)
})
