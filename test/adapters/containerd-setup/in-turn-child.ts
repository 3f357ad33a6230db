/** Has its turn until it is killed. */
import { inTurn } from '../../../src/adapters/containerd-setup/in-turn.ts'

const [, , directory = ''] = process.argv
await inTurn(directory, async () => {
  process.send?.('mine')
  await new Promise(() => setInterval(() => {}, 1_000))
})
