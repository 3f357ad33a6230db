import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { cli } from '../support.ts'

t.test('a key is printed alone', async t => {
  const { code, out, err } = await cli(['mesh', 'secret'])
  t.match({ code, err }, { code: 0, err: '' })
  t.match(out, /^[\w-]{43}\n$/)
  const { out: json } = await cli(['mesh', 'secret', '-o', 'json'])
  t.match(JSON.parse(json), { key: /^[\w-]{43}$/ })
})

t.test('a file is made once, and its key is not shown', async t => {
  const file = join(t.testdir({}), 'secret')
  const made = await cli(['mesh', 'secret', '--file', file])
  t.match(made, { code: 0, out: /holds the new key [0-9a-f]{8}\n/ })
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.match(await cli(['mesh', 'secret', '--file', file]), { code: 6, err: /is there already/ })
})

t.test('a key is changed step by step, in the file of the configuration too', async t => {
  const file = join(t.testdir({}), 'secret')
  await cli(['mesh', 'secret', '--file', file])
  const rotate = (step: string) =>
    cli(['mesh', 'secret', '--rotate', step, '--mesh.secret-file', file, '-o', 'json'])
  const added = JSON.parse((await rotate('add')).out)
  t.match(added, { file, step: 'add', isChanged: true, keyIds: [/^[0-9a-f]{8}$/, /./] })
  t.match(await rotate('drop'), { code: 6, err: /--rotate promote comes before/ })
  const promoted = JSON.parse((await rotate('promote')).out)
  t.strictSame(promoted.keyIds, added.keyIds.toReversed())
  const again = await cli(['mesh', 'secret', '--rotate', 'promote', '--file', file])
  t.match(again, { code: 0, out: /taken before\n {2}dials with .*\n {2}accepts also / })
  t.strictSame(JSON.parse((await rotate('drop')).out).keyIds, [promoted.keyIds[0]])
})

t.test('a step that is none, and a file that is nowhere, are told', async t => {
  t.match(await cli(['mesh', 'secret', '--rotate', 'twice']), {
    code: 2,
    err: /no step: there are/,
  })
  t.match(await cli(['mesh', 'secret', '--rotate', 'add']), { code: 2, err: /needs --file/ })
  t.match(await cli(['mesh']), { code: 2, err: /wants one word more: .*holdfast mesh secret/ })
  t.match(await cli(['mesh', 'secret', '--help']), { code: 0, out: /1\. --rotate add/ })
  const file = join(t.testdir({}), 'none', 'secret')
  t.match(await cli(['mesh', 'secret', '--file', file]), {
    code: 6,
    err: /cannot be written: there is no directory/,
  })
})
