import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { makeImage } from '../support/image.ts'
import { writeArchive } from '../system/support/archive.ts'
import { buildImage } from '../system/support/built-image.ts'
import { render } from '../system/support/chart.ts'
import { chartVariants } from '../system/support/chart-variants.ts'
import { foreignKinds } from '../system/support/kubernetes-schemas.ts'
import { succeeds, until } from '../system/support/process.ts'
import { runnable } from '../system/support/runnable.ts'
import { registryName } from '../system/support/world.ts'
import { startCluster, untilReady } from './support/cluster.ts'
import { type PodObject, runAlways, startAlways } from './support/cluster-pods.ts'
import type { ClusterNode } from './support/node.ts'
import { certsDir } from './support/node-config.ts'
import {
  importImage,
  installRelease,
  leaveUninstall,
  mirrorsWaiting,
  type Release,
  testRelease,
  uninstallRelease,
  untilRolledOut,
} from './support/release.ts'
import { requireLab } from './support/requirements.ts'
import { dataDir, noTraces, registriesBehind, tracesOn } from './support/traces.ts'
import { imageOf } from './support/upstream.ts'

requireLab()

/** How long a pod may take to run, in ms, on a busy machine. */
const boundMs = 120_000

/** An image that comes by an archive, and the name that Holdfast gives it beside its own. */
const carried = imageOf('carried', '1')
const spareName = `${carried.replace(/:1$/, '')}@`

/** All that is below certs.d, with modes and sums; and what is mounted there. */
async function filesOf(node: ClusterNode): Promise<string> {
  const script = `cd ${certsDir} && find . -printf '%P %y %m\\n' | sort && find . -type f | sort | xargs md5sum
    grep -c ' ${certsDir}' /proc/mounts || true`
  return node.run('sh', '-ec', script)
}

t.test('the chart puts a mirror on every node, and takes it away again', async t => {
  const cluster = await startCluster(t, { nodes: ['2.1', '1.7'] })
  const { nodes, upstream } = cluster
  const { archive } = await buildImage(cluster.dir)
  await importImage(nodes, archive)
  const before = await Promise.all(nodes.map(filesOf))

  await t.test('the API server takes all that the chart can be', async t => {
    await cluster.kubectl('create', 'namespace', 'ship')
    for (const [name, values] of Object.entries(chartVariants)) {
      const { objects } = await render(values)
      const items = objects.filter(({ kind }) => !foreignKinds.includes(kind))
      t.match(await cluster.dryRun(...items), /DaemonSet|daemonset/, name)
    }
    const daemonSet = (await render()).one<{ spec: object }>('DaemonSet', 'release-holdfast')
    const wrong = { ...daemonSet, spec: { ...daemonSet.spec, nope: 1 } }
    await t.rejects(cluster.dryRun(wrong), /nope/, 'and would not take what is none')
  })

  // Whatever else fills the disk of this machine: what is imported has to find room.
  const room = { 'config.store.minFreeBytes': '1MiB' }
  const release = await installRelease(cluster, room)
  const pull = async (t: Test, tag: string, ...where: readonly ClusterNode[]) => {
    const image = await upstream.push('app', tag, runnable(tag))
    for (const node of where) {
      const { digest } = await runAlways(cluster, node, imageOf('app', tag), boundMs)
      t.equal(digest, image.digest, `${node.name} runs ${tag}`)
    }
  }

  await t.test('containerd of each node is sent to it', async t => {
    for (const node of nodes) {
      const file = join(certsDir, registryName, 'hosts.toml')
      t.match(await node.run('stat', '--format=%a', file), /^600$/m, 'for it holds a token')
      const text = await node.run('cat', file)
      t.match(text, '[host."http://127.0.0.1:5050"]')
      t.match(text, 'Holdfast-Token')
    }
    await pull(t, 'v1', ...nodes)
    for (const node of nodes) {
      t.match(await release.holdfast(node, 'tags'), imageOf('app', 'v1'), 'by way of the mirror')
    }
  })

  await t.test('it answers on loopback of its node, and who sends the token', async t => {
    const [first, second] = nodes as [ClusterNode, ClusterNode]
    t.not(first.proxyMode, second.proxyMode, 'kube-proxy works in another way on each')
    for (const [node, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const { podIP } = (await release.podOn(node)).status
      const hosts = await node.run('cat', join(certsDir, registryName, 'hosts.toml'))
      const header = `Holdfast-Token: ${/Holdfast-Token = "(.+)"/.exec(hosts)?.[1]}`
      const ask = (from: ClusterNode, address: string, ...more: readonly string[]) => {
        const code = ['--silent', '--output', '/dev/null', '--write-out', '%{http_code}']
        return from.run('curl', ...code, ...more, `http://${address}:5050/v2/`).catch(String)
      }
      for (const [from, address] of [
        [node, '127.0.0.1'],
        [node, podIP],
        [other, podIP],
      ] as const) {
        t.equal(await ask(from, address), '403', `${from.name} asks ${address}: no token`)
        t.equal(await ask(from, address, '--header', header), '200', 'with it')
      }
      for (const from of [node, other]) {
        const told = await ask(from, node.address, '--header', header)
        t.match(told, /: 7\n/, `${from.name}: nobody listens on the address of ${node.name}`)
      }
    }
    for (const node of nodes) {
      const table = ['nft', 'list', 'table', 'ip', 'kube-proxy']
      t.equal(await succeeds(node.run(...table)), node.proxyMode === 'nftables', node.name)
    }
  })

  await t.test('helm test pulls through it on every node, and tells of each', async t => {
    const told = await testRelease(cluster)
    t.match(told, /n1 +done\nn2 +done\n/)
    t.match(told, /Phase:\s+Succeeded/)
  })

  await t.test('what would take the mirror from a node is given up with its reason', async t => {
    const uids = () =>
      Promise.all(nodes.map(async node => (await release.podOn(node)).metadata.uid))
    const there = await uids()
    const nowhere = { 'image.repository': imageOf('nowhere', '').slice(0, -1), 'image.tag': '9' }
    const missing = await release.upgrade(nowhere).catch(String)
    t.match(missing, /n1 +.*nowhere:9.*\n(.*\n)*n2 +.*nowhere:9/)
    const auth = { username: 'bosun' }
    const faulty = await release
      .upgrade({ 'config.upstreams': { 'lone.example': { auth } } })
      .catch(String)
    t.match(faulty, /lone\.example.*has a username and no password/s)
    const lost = await release.upgrade({ 'secret.existing': 'lost' }).catch(String)
    t.match(lost, /there is no Secret lost in the namespace ship/)
    t.same(await uids(), there, 'no pod was replaced')
    const left = await cluster.kubectl('get', 'jobs,daemonsets,clusterroles', '-A', '-o', 'name')
    t.notMatch(left, /holdfast-(pull|check)/, 'and nothing is left behind')
  })

  await t.test('20 pods are deleted, and each node stays who it is', async t => {
    const ids = () => Promise.all(nodes.map(node => release.idOf(node)))
    const there = await ids()
    const deleteTenTimes = async (node: ClusterNode) => {
      for (let time = 0; time < 10; time += 1) await release.replacePod(node)
    }
    await Promise.all(nodes.map(deleteTenTimes))
    await untilRolledOut(cluster)
    t.same(await ids(), there)
  })

  await t.test('a node is in the zone that a label of its Node object says', async t => {
    for (const { name } of nodes) await cluster.kubectl('label', `node/${name}`, `deck=of-${name}`)
    await release.upgrade({ 'config.node.zoneLabel': 'deck' })
    const [first, second] = nodes as [ClusterNode, ClusterNode]
    t.match(await release.holdfast(first, 'config'), `zone: of-${first.name}`)
    await until('the others know', async () =>
      (await release.holdfast(second, 'peers')).includes(`of-${first.name}`),
    )
  })

  await t.test('a node that joins later is served, and no other is started anew', async t => {
    const uids = () =>
      Promise.all(
        nodes.slice(0, 2).map(async node => {
          const { metadata, status } = await release.podOn(node)
          return [metadata.uid, status.containerStatuses?.[0]?.restartCount]
        }),
      )
    const there = await uids()
    const third = await cluster.addNode('1.6')
    await importImage([third], archive)
    await untilRolledOut(cluster)
    await until('all three have met', async () =>
      /2 of 2 other nodes/.test(await release.holdfast(third, 'status')),
    )
    await pull(t, 'v2', third)
    t.same(await uids(), there)
  })

  await t.test('what has to stay is protected, and what is imported is in containerd', async () => {
    const [first] = nodes as [ClusterNode]
    await release.holdfast(first, 'pin', imageOf('app', 'v1'))
    for (const node of nodes) {
      const file = join(dataDir, 'carried.tar')
      await writeArchive(node.path(file), carried, makeImage(runnable('carried')))
      await release.holdfast(node, 'import', file)
      await rm(node.path(file))
      await until(`${node.name} has it`, async () => {
        const { leases, labelled, pinned } = await tracesOn(node)
        const names = [carried, spareName].map(name => labelled.some(one => one.startsWith(name)))
        return leases.length > 0 && pinned.length > 0 && names.every(Boolean)
      })
    }
  })

  const away = 'it goes, also while a node is off and another one is not heard of'
  await t.test(`${away}, and tells what to do for these`, async t => {
    const [first, second, third] = nodes as [ClusterNode, ClusterNode, ClusterNode]
    const staying = await startAlways(cluster, first, imageOf('app', 'v1'))
    await staying.started(boundMs)
    const untilLost = ({ name }: ClusterNode) => {
      const isLost = ['--for=condition=Ready=Unknown', `node/${name}`]
      return cluster.kubectl('wait', ...isLost, '--timeout=120s')
    }
    await third.powerOff()
    await untilLost(third)
    await release.upgradeOn([first, second], { 'config.resolve.timeoutMs': 900 })
    const path = join(certsDir, registryName, 'hosts.toml')
    await until('the registry stands behind the mirror', async () =>
      isDeepStrictEqual(await registriesBehind(second), [path]),
    )
    const rejoin = await cluster.cutOff(second)
    await untilLost(second)
    const told = await uninstallRelease(cluster)
    t.match(told, /n1 +done\nn2 +.+\nn3 +(is not ready|has no pod yet)/)
    t.equal(await filesOf(first), before[0], 'certs.d')
    t.strictSame(await tracesOn(first), noTraces)
    await t.rejects(cluster.kubectl('get', 'secret', 'holdfast', '--namespace=ship'), /NotFound/)
    const { status } = await cluster.get<PodObject>('pod', staying.name)
    t.match(status.containerStatuses, [{ ready: true, restartCount: 0 }], 'pods go on')
    await pull(t, 'v3', first)

    t.equal((await registriesBehind(second)).length, 1, 'on the other one it goes on')
    await rejoin()
    await third.powerOn()
    for (const node of [second, third]) await untilReady(cluster, node)
    const command = /for node in n2 n3; do .*; done/.exec(told)?.[0] ?? ''
    await cluster.shell(command)
    // What is being taken away may go between two looks at it.
    const files = (node: ClusterNode) => filesOf(node).catch(String)
    const [asFirst, asSecond] = before
    for (const [node, files0] of [
      [second, asSecond],
      [third, asFirst],
    ] as const) {
      const isAsBefore = async () =>
        (await files(node)) === files0 && isDeepStrictEqual(await tracesOn(node), noTraces)
      await until(`${node.name} is as it was`, isAsBefore, 120_000).catch(async error => {
        const said = await cluster.shell('kubectl get pods -o name | xargs -rn1 kubectl logs')
        throw new Error(`${said}\n${JSON.stringify(await tracesOn(node))}`, { cause: error })
      })
      t.same(await registriesBehind(node), [])
      const names = await node.ctr('images', 'ls', '--quiet')
      t.match(names, carried, 'images stay by the name that they came with')
      t.notMatch(names, spareName)
    }
    await pull(t, 'v4', second, third)
    await staying.remove()
  })

  await t.test('data that is to be kept makes the next installation the same nodes', async t => {
    const install = () => installRelease(cluster, { 'uninstall.keepData': true })
    const idsOf = (release: Release) => Promise.all(nodes.map(node => release.idOf(node)))
    const removeLeft = await leaveUninstall(cluster)
    const installing = install()
    installing.catch(() => {})
    await until('no mirror starts beside an uninstall that was cut short', async () => {
      const waiting = await mirrorsWaiting(cluster)
      const areApart = waiting.every(one => /^Pending: .*anti-affinity/.test(one))
      return waiting.length === nodes.length && areApart
    })
    await removeLeft()
    const installed = await installing
    const ids = await idsOf(installed)
    await installed.holdfast(nodes[0] as ClusterNode, 'pin', imageOf('app', 'v3'))
    await uninstallRelease(cluster)
    for (const node of nodes) {
      const { data, ...others } = await tracesOn(node)
      t.strictSame({ ...others, data: [] }, noTraces, node.name)
      t.ok(data.includes('node.key'), node.name)
    }
    t.strictSame(await filesOf(nodes[0] as ClusterNode), before[0])
    const again = await install()
    t.strictSame(await idsOf(again), ids)
    t.match(await again.holdfast(nodes[0] as ClusterNode, 'pins'), imageOf('app', 'v3'))
  })
})
