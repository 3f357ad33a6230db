import { maxWarmImages, type WarmScope, type WarmTask } from '../../keep/warm-job.ts'
import { formatPlatform, parsePlatform } from '../../oci/platform.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { findNode, type KnownNodes } from './find-node.ts'
import type { JobBody } from './job-contract.ts'
import { ProblemError } from './problem.ts'
import { QueryFault } from './read-query.ts'
import type { ReportSource } from './report.ts'

/** Reads what is to be fetched, by whom. Throws `QueryFault`, `ProblemError`, `OciError`. */
export type ReadTask = (body: Omit<JobBody, 'note' | 'author'>) => Promise<WarmTask>

/** The longest that somebody waits for what other nodes say, ms. */
const askWithinMs = 5_000

/** Reads tasks as this node knows the others. */
export function createReadTask({
  report,
  nodes,
}: {
  /** Tells what is kept, and what pods run. */
  readonly report: Pick<ReportSource, 'keepSet' | 'running'>
  readonly nodes: KnownNodes
}): ReadTask {
  return async body => {
    const { concurrency, referrers } = body
    const platforms = body.platforms?.map(readPlatform)
    return { images: await imagesOf(body), platforms, scope: scopeOf(body), concurrency, referrers }
  }

  async function imagesOf({ images, from }: JobBody): Promise<readonly string[]> {
    if (from === undefined) {
      const named = images.map(text => formatReference(parseReference(text)))
      if (named.length > 0) return [...new Set(named)]
      throw new QueryFault('images: name some, or say from what they are to be taken')
    }
    if (images.length > 0) throw new QueryFault('from: name images, or where they are from')
    const found = await listOf(from)
    if (found.length === 0) throw new ProblemError(409, nothingThere[from])
    if (found.length > maxWarmImages) throw new ProblemError(409, tooMany)
    return found
  }

  /** One more than may be, at the most, so that too many are noticed. */
  async function listOf(from: 'keep' | 'running'): Promise<readonly string[]> {
    const names =
      from === 'keep'
        ? (await report.keepSet(maxWarmImages + 1)).map(({ key }) => formatReference(key))
        : (await report.running(AbortSignal.timeout(askWithinMs))).images.map(({ name }) => name)
    const texts = names.map(text => formatReference(parseReference(text)))
    return [...new Set(texts)].slice(0, maxWarmImages + 1)
  }

  function scopeOf({ nodes: words, copies }: JobBody): WarmScope {
    if (words !== undefined && copies !== undefined) {
      throw new QueryFault('copies: name nodes, or how many are to have it')
    }
    if (copies !== undefined) return { type: 'copies', copies }
    if (words === undefined) return { type: 'all' }
    const found = new Map<NodeId, string>()
    for (const word of words) {
      const node = findNode(word, nodes)
      found.set(node.isSelf ? nodes.self.id : node.member.id, node.name)
    }
    return { type: 'nodes', nodes: [...found].map(([id, name]) => ({ id, name })) }
  }
}

const nothingThere = {
  keep: 'nothing is kept or pinned: `holdfast keep PATTERN` says what is',
  running: 'no pods are known to run: is containerd configured, and do pods run?',
} as const

const tooMany = `they are more than ${maxWarmImages} images, too many for one job: name some of them`

function readPlatform(text: string): string {
  const platform = parsePlatform(text)
  if (platform !== undefined) return formatPlatform(platform)
  throw new QueryFault(`platforms: ${JSON.stringify(text)} is none; write linux/arm64`)
}
