import type { AdminApi } from './admin-api.ts'
import { peersAnswer } from './answers.ts'
import { CommandFailure } from './command-failure.ts'
import { configAnswer } from './node-answers.ts'

/**
 * Whether the node, or another one that it may ask, has an upstream of the name of a registry. Also `true` where it does not tell: what was
 * asked before this is not to fail.
 */
export async function isAskable(api: AdminApi, registry: string): Promise<boolean> {
  try {
    const { config } = await api.get('/api/v1/nodes/self/config', {}, configAnswer)
    const names = Object.keys(config['upstreams'] ?? {})
    if (names.includes(registry) || names.includes('*')) return true
    const { members } = await api.get('/api/v1/peers', {}, peersAnswer)
    return members.some(({ upstreams }) => upstreams.includes(registry) || upstreams.includes('*'))
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return true
  }
}
