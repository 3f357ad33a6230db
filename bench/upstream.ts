import { fork } from 'node:child_process'
import { once } from 'node:events'
import { childPath } from './child.ts'
import type { UpstreamAnswer, UpstreamOrder } from './process/upstream.ts'

/** The registry at the other end of the uplink, in a process of its own. */
export interface Upstream {
  readonly url: string
  tell(order: UpstreamOrder): Promise<UpstreamAnswer>
  close(): Promise<void>
}

/** Starts an upstream that holds nothing yet. */
export async function startUpstream(): Promise<Upstream> {
  const child = fork(childPath('upstream'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const waiting = new Map<number, PromiseWithResolvers<UpstreamAnswer>>()
  let lastId = 0
  child.on('message', (message: { id: number; said?: UpstreamAnswer; failure?: string }) => {
    const { id, said, failure } = message
    if (said === undefined) waiting.get(id)?.reject(new Error(failure))
    else waiting.get(id)?.resolve(said)
    waiting.delete(id)
  })
  child.on('exit', code => {
    for (const { reject } of waiting.values()) reject(new Error(`the upstream ended with ${code}`))
  })

  function tell(order: UpstreamOrder): Promise<UpstreamAnswer> {
    lastId += 1
    const answer = Promise.withResolvers<UpstreamAnswer>()
    waiting.set(lastId, answer)
    child.send({ id: lastId, order })
    return answer.promise
  }

  const { url } = await tell({ do: 'url' })
  return {
    url,
    tell,
    async close() {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}
