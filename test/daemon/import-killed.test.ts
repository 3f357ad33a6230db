import { once } from 'node:events'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { fullName, layoutOf } from '../archive/support.ts'
import { createRandom } from '../fuzz/mutate.ts'
import { makeSingleImage, type TestManifest } from '../support/image.ts'
import { forkPlainly } from '../support/plainly.ts'
import { tar } from '../support/tar.ts'

const image = makeSingleImage({ layers: [3_000, 2_500_000, 40, 1_500_000] })
const archive = tar(layoutOf([{ image, annotations: fullName('reg.lab/lab/app:v1') }]))

async function startChild(t: Test, dir: string, ...drop: readonly string[]) {
  const child = forkPlainly(join(import.meta.dirname, 'import-child.ts'), [dir, ...drop])
  t.teardown(() => child.kill('SIGKILL'))
  const [{ addresses, tokenFile }] = await once(child, 'message')
  const token = (await readFile(tokenFile, 'utf8')).trim()
  const exited = once(child, 'exit')
  return {
    ask: (path: string) => fetch(`http://${addresses.mirror}/v2/lab/app/${path}?ns=reg.lab`),
    /** Sends the archive, or so much of it and then nothing; settles with the status of the answer, which a killed node does not give. */
    import(bytes = archive.length): Promise<number> {
      const sending = request(`http://${addresses.admin}/api/v1/import`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
      })
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      sending.on('error', reject)
      sending.on('response', ({ statusCode = 0 }) => resolve(statusCode))
      if (bytes < archive.length) sending.write(archive.subarray(0, bytes))
      else sending.end(archive)
      return promise
    },
    async kill() {
      child.kill('SIGKILL')
      t.strictSame(await exited, [null, 'SIGKILL'])
    },
  }
}

/** Either nothing is known of the tag, or all of its image is served. */
async function isWholeOrUnknown(
  ask: (path: string) => Promise<Response>,
  { config, layers }: TestManifest,
) {
  const answer = await ask('manifests/v1')
  await answer.arrayBuffer()
  if (answer.status === 404) return false
  for (const { digest } of [config, ...layers]) {
    const bytes = Buffer.from(await (await ask(`blobs/${digest}`)).arrayBuffer())
    if (digestOf(bytes) !== digest) throw new Error(`${digest} is not served`)
  }
  return true
}

const slow = { timeout: 120_000 }

t.test('an import that is killed with -9 at any point is completed by the next', slow, async t => {
  const dir = t.testdir()
  const random = createRandom(20_261_128)
  const held = async () => (await readdir(join(dir, 'data/blobs/sha256'))).length
  let kills = 0
  for (let before = 0; before < image.blobs.size; before = await held()) {
    const node = await startChild(t, dir)
    t.equal(await isWholeOrUnknown(node.ask, image), false)
    // However fast the machine is: what is sent first is not all of it.
    const sent = node.import(kills === 0 ? archive.length - 1_000_000 : undefined).catch(() => 0)
    // Somewhere between one blob that came and the next.
    while ((await held()) <= before) await delay(2)
    await delay(random() * 20)
    await node.kill()
    await sent
    kills += 1
  }
  t.ok(kills > 1, `${kills} times`)
  const last = await startChild(t, dir)
  await isWholeOrUnknown(last.ask, image)
  t.equal(await last.import(), 200)
  t.equal(await isWholeOrUnknown(last.ask, image), true)
  t.strictSame(
    await readdir(join(dir, 'data/blobs/partial')),
    [],
    'nothing is left of what was cut',
  )
  t.equal(await held(), image.blobs.size)
})

t.test('so is one out of the drop folder, with nobody there', slow, async t => {
  const root = t.testdir({ drop: { 'app.tar': archive } })
  const drop = join(root, 'drop')
  const random = createRandom(20_261_129)
  let dir = root
  const held = async () => (await readdir(join(dir, 'data/blobs/sha256'))).length
  let cuts = 0
  // A fast machine may be through before it is killed: then it is another node's turn.
  for (let nodes = 1; cuts === 0 && nodes <= 10; nodes += 1) {
    dir = join(root, `${nodes}`)
    await mkdir(dir)
    for (let before = 0; before < image.blobs.size; before = await held()) {
      const node = await startChild(t, dir, drop)
      await isWholeOrUnknown(node.ask, image)
      while ((await held()) <= before) await delay(2)
      await delay(random() * 10)
      await node.kill()
      if ((await held()) < image.blobs.size) cuts += 1
    }
  }
  t.ok(cuts > 0, `${cuts} times in the middle`)
  const last = await startChild(t, dir, drop)
  while (!(await isWholeOrUnknown(last.ask, image))) await delay(20)
  t.strictSame(await readdir(join(dir, 'data/blobs/partial')), [])
  t.equal(await held(), image.blobs.size)
  t.strictSame(await readdir(drop), ['app.tar'], 'nothing is wrong with it')
})
