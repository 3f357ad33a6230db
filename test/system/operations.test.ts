import { chmod, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { buildDeb } from './support/built-deb.ts'
import { readBlocks } from './support/page-blocks.ts'
import { run, until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { type SystemdMachine, startSystemd } from './support/systemd-machine.ts'

requireSystem()

type Name = 'bridge' | 'galley'

/** What a section's blocks come to. */
interface Section {
  /** By the number of the block: what is true before it, for what the page has somebody wait for. */
  readonly before?: Readonly<Record<number, Truth>>
  /** Found in what all of its blocks said. */
  readonly says?: readonly RegExp[]
  /** True in the end. */
  readonly after?: readonly Truth[]
}

/** A machine, a command, and what it says sooner or later. */
type Truth = readonly [Name, string, RegExp]

const both = (command: string, what: RegExp): readonly Truth[] => [
  ['bridge', command, what],
  ['galley', command, what],
]

/** As containerd does it. */
const pull =
  'curl -sI http://127.0.0.1:5050/v2/library/app/manifests/1?ns=docker.io -o /dev/null -w "%{http_code}"'

const sections: Readonly<Record<string, Section>> = {
  'Make a cluster of two machines': {
    before: { 2: ['galley', 'holdfast peers', /bridge .*alive/] },
    says: [/the configuration is good/, /^bridge .*alive/m],
    after: [
      ...both('holdfast peers', /(bridge|galley) .*alive/),
      ['galley', 'ls /media/stick', /^(?!.*mesh\.keys)/s],
    ],
  },
  'Bring images to machines without an uplink': {
    before: { 1: ['bridge', 'holdfast report || true', /^Ready/] },
    says: [/app:1 is kept/, /^Ready/m, /ago +2$/m],
    after: both('holdfast tags', /app:1 /),
  },
  'Back up, and restore': {
    before: { 1: ['bridge', 'holdfast pins', /as tested/] },
    says: [/as tested|stands? already/],
    after: both('holdfast pins', /app:1 .*as tested/),
  },
  'Find out why a pod got an image': {
    before: { 0: ['bridge', pull, /200/] },
    says: [/pinned/, /as tested/, /linux\/arm64/],
  },
  'Change the key of the cluster': {
    before: {
      2: ['bridge', 'holdfast mesh status', /ACCEPT IT\n(\S+ .* none\n){2}/],
      4: ['bridge', 'holdfast mesh status', /^\S+ +(bridge, galley|galley, bridge) +none$/m],
    },
    after: [
      ...both('holdfast peers', /(bridge|galley) .*alive/),
      ...both("grep -vc '^#' /etc/holdfast/mesh.keys", /^1\n/),
    ],
  },
  'Change the tokens of the admin API': { says: [/is ready/] },
  'When the disk is full': { says: [/quota/, /nothing (would have|had) to go/] },
  'Replace a machine': {
    before: { 1: ['bridge', 'holdfast peers', /galley .*alive/] },
    says: [/galley .*gone/, /is done/, /^Ready/m],
    after: both('holdfast pins', /app:1 .*as tested/),
  },
  'Take a machine out for good': {
    before: { 2: ['bridge', 'holdfast peers', /^(?!.*alive)/s] },
    says: [/^Ready/m, /gone|left/],
    after: [
      ['galley', 'systemctl is-enabled holdfast || true', /^disabled/],
      ['galley', 'ls -A /var/lib/holdfast/data 2>&1 || true', /No such file/],
    ],
  },
}

const dir = await mkdtemp(join(tmpdir(), 'holdfast-operations-'))
t.teardown(() => rm(dir, { recursive: true, force: true }))
const stick = join(dir, 'stick')

/** A machine with the package; `/media/stick` of all of them is one. */
async function startMachine(name: Name, deb: string): Promise<SystemdMachine> {
  await mkdir(join(dir, name))
  await symlink(stick, join(dir, name, 'given'))
  const machine = await startSystemd(join(dir, name))
  t.teardown(() => machine.end())
  const setUp = `hostname ${name}; ln -s /run/given /media/stick; dpkg -i ${deb.replace(stick, '/run/given')}`
  await machine.run('sh', '-ec', setUp)
  return machine
}

async function startBoth(): Promise<Readonly<Record<Name, SystemdMachine>>> {
  await mkdir(stick)
  const deb = await buildDeb(stick, { umask: '022' })
  const archive = join(stick, 'app.tar')
  await writeArchive(archive, 'docker.io/library/app:1', makeImage({ salt: 'operations' }))
  await chmod(archive, 0o644)
  const [bridge, galley] = await Promise.all([
    startMachine('bridge', deb),
    startMachine('galley', deb),
  ])
  const end = (machine: SystemdMachine) => ['name', 'lan0', 'netns', String(machine.pid)]
  await run('ip', ['link', 'add', ...end(bridge), 'type', 'veth', 'peer', ...end(galley)])
  for (const [i, machine] of [bridge, galley].entries()) {
    await machine.run('ip', 'addr', 'add', `10.77.0.${i + 1}/24`, 'dev', 'lan0')
    await machine.run('ip', 'link', 'set', 'lan0', 'up')
  }
  return { bridge, galley }
}

t.test('what docs/operations.md says to type does what it says', async t => {
  const machines = await startBoth()
  const sh = (name: Name, script: string) => machines[name].run('sh', '-ec', script)
  const comesTrue = ([name, command, what]: Truth) =>
    until(`on ${name} \`${command}\` says ${what}`, async () =>
      what.test(await sh(name, command).catch(String)),
    )
  const byHeading = Map.groupBy(await readBlocks('operations.md'), ({ heading }) => heading)
  t.same([...byHeading.keys()], Object.keys(sections), 'each section is looked at')

  for (const [heading, blocks] of byHeading) {
    const { before = {}, says = [], after = [] } = sections[heading] ?? {}
    let said = ''
    for (const [i, { info, script }] of blocks.entries()) {
      const machine = info as Name
      await comesTrue([machine, 'holdfast status || true', /ready|offline/])
      if (before[i] !== undefined) await comesTrue(before[i])
      said += await sh(machine, `cd /root\n${script}`)
    }
    for (const what of says) t.match(said, what, heading)
    for (const truth of after) t.ok(await comesTrue(truth), `${heading}: ${truth.join(' ')}`)
  }
})
