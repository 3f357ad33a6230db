import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { chmod, link, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import {
  editRegistries,
  namedRegistries,
  restoreRegistries,
} from '../../../src/adapters/containerd-setup/edit-registries.ts'

const url = 'http://127.0.0.1:5050'

const written = `# kept by hand, ask Ann
mirrors:
    docker.io:   # the hub
        endpoint:
            # ours is faster
            - "https://hub.example"   # until May
            - https://other.example
        rewrite:
            "^rancher/(.*)": "mirror/$1"

    ghcr.io:
    quay.io: {}
    "*":
        endpoint: [ "https://all.example" ]
# credentials
configs:
    'registry.lab:5000':
        auth: { username: ann, password: "s#cret" }   # soon gone
`

function scene(t: Test, text = written) {
  const dir = t.testdir({ 'registries.yaml': text })
  const path = join(dir, 'registries.yaml')
  return { dir, path, read: () => readFileSync(path, 'utf8') }
}

const all = ['docker.io', 'ghcr.io', 'quay.io', '_default', 'registry.lab:5000']

t.test('mirrors and configs name registries', async t => {
  const { path, dir } = scene(t)
  t.strictSame(await namedRegistries(path), all)
  t.strictSame(await namedRegistries(join(dir, 'none.yaml')), [])
  t.strictSame(await namedRegistries(scene(t, '# nothing\n').path), [])
})

t.test('the mirror comes first, and every comment, order and other value stays', async t => {
  const { path, read } = scene(t)
  const edit = await editRegistries(path, all, url, { write: true })
  t.match(edit, { outcome: 'edited', text: read() })
  const { mirrors, configs } = parse(read())
  t.strictSame(mirrors['docker.io'].endpoint, [url, 'https://hub.example', 'https://other.example'])
  t.strictSame(mirrors['docker.io'].rewrite, { '^rancher/(.*)': 'mirror/$1' })
  t.strictSame(mirrors['*'].endpoint, [url, 'https://all.example'])
  for (const name of ['ghcr.io', 'quay.io', 'registry.lab:5000']) {
    t.strictSame(mirrors[name], { endpoint: [url] }, name)
  }
  t.strictSame(configs, parse(written).configs)
  t.strictSame(Object.keys(mirrors).slice(0, 4), ['docker.io', 'ghcr.io', 'quay.io', '*'])
  for (const comment of [
    'kept by hand, ask Ann',
    'the hub',
    'ours is faster',
    'until May',
    'credentials',
  ]) {
    t.match(read(), `# ${comment}\n`)
  }
  t.match(read(), '# soon gone')
  t.match(read(), '\n    docker.io:', 'indented as it was')
  t.match(await editRegistries(path, all, url, { write: true }), { outcome: 'unchanged' })
})

t.test('what an alias or a merged key says is not lost', async t => {
  const text = `common: &common
  endpoint:
    - "https://all.example" # of all
mirrors:
  docker.io: *common
  ghcr.io: &ghcr
    endpoint: &list ["https://ghcr.example"]
    rewrite: {"^a/(.*)": "b/$1"}
  quay.io:
    <<: *ghcr
  gcr.io:
    endpoint: *list
`
  const { path, read } = scene(t, text)
  const names = ['docker.io', 'ghcr.io', 'quay.io', 'gcr.io']
  t.strictSame(await namedRegistries(path), names)
  await editRegistries(path, names, url, { write: true })
  const { mirrors } = parse(read(), { merge: true })
  const rewrite = { '^a/(.*)': 'b/$1' }
  t.strictSame(mirrors, {
    'docker.io': { endpoint: [url, 'https://all.example'] },
    'ghcr.io': { endpoint: [url, 'https://ghcr.example'], rewrite },
    'quay.io': { endpoint: [url, 'https://ghcr.example'], rewrite },
    'gcr.io': { endpoint: [url, 'https://ghcr.example'] },
  })
  t.match(read(), '# of all')
  t.match(read(), '{"^a/(.*)": "b/$1"}', 'written as it was')
  t.match(await editRegistries(path, names, url, { write: true }), { outcome: 'unchanged' })
  t.equal(await restoreRegistries(path), 'restored')
  t.equal(read(), text)
})

t.test('mirrors that are an alias as a whole are written out', async t => {
  const text = 'base: &base\n  quay.io: { endpoint: ["https://q.example"] }\nmirrors: *base\n'
  const { path, read } = scene(t, text)
  await editRegistries(path, ['quay.io'], url, { write: true })
  t.strictSame(parse(read()).mirrors, { 'quay.io': { endpoint: [url, 'https://q.example'] } })
})

t.test('our endpoint is the same with a slash behind it', async t => {
  const text = `mirrors:\n  docker.io:\n    endpoint: ["https://hub.example", "${url}/"]\n`
  const { path, read } = scene(t, text)
  await editRegistries(path, ['docker.io'], url, { write: true })
  t.strictSame(parse(read()).mirrors['docker.io'].endpoint, [url, 'https://hub.example'])
  const first = scene(t, `mirrors:\n  docker.io:\n    endpoint: ["${url}/"]\n`)
  t.match(await editRegistries(first.path, ['docker.io'], url, { write: true }), {
    outcome: 'unchanged',
  })
})

t.test('lines end as they did', async t => {
  const { path, read } = scene(t, written.replaceAll('\n', '\r\n'))
  await editRegistries(path, ['docker.io'], url, { write: true })
  t.match(read(), `- ${url}\r\n`)
  t.notMatch(read(), /[^\r]\n/)
})

t.test('back again it is the same file', async t => {
  const { path, read, dir } = scene(t)
  await chmod(path, 0o600)
  const { ino, mtimeMs } = statSync(path)
  await editRegistries(path, ['docker.io'], url, { write: true })
  t.equal(statSync(path).mode & 0o777, 0o600, 'credentials stay closed')
  await editRegistries(path, all, url, { write: true })
  t.equal(await restoreRegistries(path), 'restored')
  t.equal(read(), written)
  t.match(statSync(path), { ino, mtimeMs })
  t.strictSame(readdirSync(dir), ['registries.yaml'])
  t.equal(await restoreRegistries(path), undefined)
})

t.test('what was changed since stays, and only the mirror goes', async t => {
  const { path, read, dir } = scene(t)
  await editRegistries(path, all, url, { write: true })
  writeFileSync(path, `${read()}# added later\n`)
  t.equal(await restoreRegistries(path), 'edited')
  t.strictSame(parse(read()), {
    ...parse(written),
    mirrors: { ...parse(written).mirrors, 'ghcr.io': {} },
  })
  t.match(read(), '# added later')
  t.match(read(), '# until May')
  t.strictSame(readdirSync(dir), ['registries.yaml'])
})

t.test('without its backup the file loses the mirror alone', async t => {
  const { path, read, dir } = scene(t)
  await editRegistries(path, ['docker.io', 'quay.io'], url, { write: true })
  await rm(`${path}.before-holdfast`)
  t.equal(await restoreRegistries(path), 'edited')
  t.strictSame(parse(read()), parse(written))
  t.strictSame(readdirSync(dir), ['registries.yaml'])
})

t.test('what others changed between two edits is not lost with the backup', async t => {
  const { path, read } = scene(t)
  await editRegistries(path, ['docker.io'], url, { write: true })
  const more = '  gcr.io:\n    endpoint: ["https://gcr.example"]\n'
  writeFileSync(
    path,
    read().replace('# credentials\n', `${more.replaceAll(/^ {2}/gm, '    ')}# credentials\n`),
  )
  t.match(await editRegistries(path, ['gcr.io'], url, { write: true }), { outcome: 'edited' })
  t.strictSame(parse(read()).mirrors['gcr.io'].endpoint, [url, 'https://gcr.example'])
  t.equal(await restoreRegistries(path), 'edited')
  const { mirrors } = parse(read())
  t.strictSame(mirrors['gcr.io'], { endpoint: ['https://gcr.example'] })
  t.strictSame(mirrors['docker.io'], parse(written).mirrors['docker.io'])
})

t.test(
  'a mirror that moved takes its old place, and the file still comes back the same',
  async t => {
    const { path, read } = scene(t)
    await editRegistries(path, ['docker.io', 'ghcr.io'], url, { write: true })
    await editRegistries(path, ['docker.io'], 'http://127.0.0.1:5055', { write: true })
    t.notMatch(read(), url)
    t.equal(parse(read()).mirrors['docker.io'].endpoint[0], 'http://127.0.0.1:5055')
    t.equal(await restoreRegistries(path), 'restored')
    t.equal(read(), written)
  },
)

t.test('without write nothing is changed', async t => {
  const { path, read, dir } = scene(t)
  const edit = await editRegistries(path, ['docker.io'], url, { write: false })
  t.equal(edit.outcome, 'to-be-edited')
  t.strictSame(parse(edit.text).mirrors['docker.io'].endpoint[0], url)
  t.equal(read(), written)
  t.strictSame(readdirSync(dir), ['registries.yaml'])
})

t.test('cut short anywhere, it comes back the same', async t => {
  const beforeBackup = scene(t)
  await editRegistries(beforeBackup.path, all, url, { write: true })
  await rename(`${beforeBackup.path}.before-holdfast`, beforeBackup.path)
  t.equal(await restoreRegistries(beforeBackup.path), 'restored')
  t.equal(beforeBackup.read(), written)

  const beforeFile = scene(t)
  await editRegistries(beforeFile.path, all, url, { write: true })
  await rm(beforeFile.path)
  await link(`${beforeFile.path}.before-holdfast`, beforeFile.path)
  t.equal(await restoreRegistries(beforeFile.path), 'restored')
  t.equal(beforeFile.read(), written)
  t.strictSame(readdirSync(beforeFile.dir), ['registries.yaml'])
})

t.test('what a write that was cut short left goes, with the credentials in it', async t => {
  const { dir, path } = scene(t)
  const unfinished = join(dir, '.holdfast-0123456789ab.new')
  writeFileSync(unfinished, written)
  t.equal(await restoreRegistries(path), undefined, 'the note was not written yet')
  t.strictSame(readdirSync(dir), ['registries.yaml'])
  await editRegistries(path, all, url, { write: true })
  writeFileSync(unfinished, written)
  t.equal(await restoreRegistries(path), 'restored')
  t.strictSame(readdirSync(dir), ['registries.yaml'])
})

t.test('what is no registries.yaml is told with its place and without its text', async t => {
  const broken = scene(t, 'configs:\n  a.example: { auth: { password: s#cret\n')
  const told = await namedRegistries(broken.path).catch((error: Error) => error.message)
  t.match(told, /registries\.yaml: line \d+, column \d+ is not YAML/)
  t.notMatch(told, 's#cret')
  await t.rejects(namedRegistries(scene(t, '- a\n').path), { code: 'config-invalid' })
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  for (const [at, before] of ['ba', 'cb', 'dc', 'ed']) {
    bomb.push(`${at}: &${at} [${Array(10).fill(`*${before}`).join(', ')}]`)
  }
  await t.rejects(namedRegistries(scene(t, `${bomb.join('\n')}\n`).path), /aliases have no end/)
  const { path } = scene(t, 'mirrors: { docker.io: { endpoint: "https://a" } }\n')
  await t.rejects(editRegistries(path, ['docker.io'], url, { write: true }), /not a list/)
})
