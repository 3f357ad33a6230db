/**
 * The whole story on one machine, without any network: a small registry, a Holdfast node, and a client that pulls `latest` the way
 * containerd does. Prints what happened with the times it took; exits 0 only if every step was true.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeImage, type TestImage } from '../test/support/image.ts'
import { type ScriptedRegistry, startRegistry } from '../test/support/registry.ts'
import { type Pulled, pull } from '../test/system/support/client.ts'
import { type HoldfastNode, startNode } from '../test/system/support/holdfast.ts'

const registryName = 'registry.example'
const timeoutMs = 1_000
/** What an answer may take, in ms: the deadline, and what a loaded machine needs to say so. */
const boundMs = timeoutMs + 500

interface Stage {
  readonly uplink: ScriptedRegistry
  node: HoldfastNode
  readonly restart: () => Promise<HoldfastNode>
}

let failures = 0

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function check(claim: string, isTrue: boolean): void {
  say(`   ${isTrue ? 'true ' : 'FALSE'}  ${claim}`)
  if (!isTrue) failures += 1
}

function tell(pulled: Pulled): void {
  const { digest, source, headMs, tookMs, bytes, headers } = pulled
  const age = headers['age'] === undefined ? '' : `, last confirmed ${headers['age']} s ago`
  say(`   ${digest.slice(0, 19)}… from ${source}${age}`)
  say(`   tag in ${headMs.toFixed(0)} ms, whole image in ${tookMs.toFixed(0)} ms, ${bytes} bytes`)
}

/** Publishes a new multi-arch image under `latest`. */
function publish({ uplink }: Stage, salt: string): TestImage {
  const image = makeImage({ salt, layers: [4_000_000, 500_000] })
  uplink.addImage('app', { blobs: image.blobs, tags: new Map([['latest', image]]) })
  return image
}

const pullLatest = (stage: Stage) => pull(stage.node.mirror, registryName, 'app', 'latest')

async function tellStory(stage: Stage): Promise<void> {
  const one = publish(stage, 'one')
  say('\n1. Online. The node holds nothing; a client pulls app:latest through it.')
  const first = await pullLatest(stage)
  tell(first)
  check('the registry’s digest was answered', first.digest === one.digest)
  check('it is marked as fresh', first.source === 'upstream' && !first.headers['warning'])

  const two = publish(stage, 'two')
  say('\n2. Online, and the tag moves. The client pulls again.')
  const second = await pullLatest(stage)
  tell(second)
  check('online means fresh: the new image', second.digest === two.digest)

  say('\n3. The uplink freezes: connections are accepted, nobody answers. The client pulls again.')
  stage.uplink.freeze()
  const third = await pullLatest(stage)
  tell(third)
  check('the last known image, whole', third.digest === two.digest)
  check(`the tag within ${boundMs} ms, with a deadline of ${timeoutMs} ms`, third.headMs <= boundMs)
  check('it says that it is not fresh', third.headers['warning'] !== undefined)

  say('\n4. Still frozen, and by now known to be. The client pulls again.')
  const fourth = await pullLatest(stage)
  tell(fourth)
  check('offline means fast: nobody waits for the deadline', fourth.headMs < timeoutMs / 2)

  say('\n5. The node is restarted while it is offline. The client pulls again.')
  await stage.node.stop()
  stage.node = await stage.restart()
  const fifth = await pullLatest(stage)
  tell(fifth)
  check('nothing was forgotten', fifth.digest === two.digest && fifth.source === 'ledger')

  say('\n6. A tag that nobody ever saw, still offline.')
  const never = await pull(stage.node.mirror, registryName, 'app', 'never')
  say(`   ${never.status} in ${never.headMs.toFixed(0)} ms`)
  check('a clear "not found" at once, not a hang', never.status === 404)

  say('\n7. The uplink returns, with a newer image behind the tag.')
  const three = publish(stage, 'three')
  stage.uplink.thaw()
  const beganMs = performance.now()
  let last = await pullLatest(stage)
  while (last.digest !== three.digest && performance.now() - beganMs < 20_000) {
    await new Promise(done => setTimeout(done, 100))
    last = await pullLatest(stage)
  }
  tell(last)
  const backMs = performance.now() - beganMs
  check(`fresh again, ${(backMs / 1000).toFixed(1)} s later`, last.digest === three.digest)
}

const dir = await mkdtemp(join(tmpdir(), 'holdfast-demo-'))
const uplink = await startRegistry()
const config = {
  upstreams: { [registryName]: { url: uplink.url } },
  resolve: { timeoutMs },
  log: { level: 'warn' },
}
const restart = () => startNode({ dir, config })
const stage: Stage = { uplink, node: await restart(), restart }
try {
  say(`A registry at ${uplink.url}, a node that mirrors it at ${stage.node.mirror}.`)
  await tellStory(stage)
} finally {
  await stage.node.stop()
  await uplink.close()
  await rm(dir, { recursive: true, force: true })
}
say(failures === 0 ? '\nEvery step was true.' : `\n${failures} steps were not true.`)
process.exitCode = failures === 0 ? 0 : 1
