import { execFile } from 'node:child_process'
import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import {
  createKeyFile,
  generateKeyText,
  rotateKeyFile,
} from '../../../src/adapters/cluster-keys/key-file.ts'
import { parseKeys } from '../../../src/adapters/cluster-keys/key-lines.ts'

const run = promisify(execFile)

const idsIn = async (path: string): Promise<readonly string[]> =>
  parseKeys(await readFile(path, 'utf8'), path).map(({ id }) => id)

t.test('a new key is 32 random bytes', async t => {
  const texts = Array.from({ length: 50 }, generateKeyText)
  for (const text of texts) t.equal(parseKeys(text, 'f')[0]?.secret.length, 32)
  t.equal(new Set(texts).size, 50)
})

t.test('a new file holds one key, for its owner alone', async t => {
  const path = join(t.testdir({}), 'secret')
  const { keyIds, isChanged } = await createKeyFile(path)
  t.ok(isChanged)
  t.strictSame(await idsIn(path), keyIds)
  t.equal(keyIds.length, 1)
  t.equal((await stat(path)).mode & 0o777, 0o600)
})

t.test('where no file can be written the path that was given is told', async t => {
  const dir = t.testdir({})
  await t.rejects(createKeyFile(join(dir, 'none', 'x')), {
    code: 'config-invalid',
    message: `${join(dir, 'none', 'x')} cannot be written: there is no directory ${join(dir, 'none')}`,
  })
})

t.test('where the file cannot be written whole, nothing of the key stays behind', async t => {
  const dir = t.testdir({})
  const module = new URL('../../../src/adapters/cluster-keys/key-file.ts', import.meta.url)
  const create = `
    import { createKeyFile } from ${JSON.stringify(module.href)}
    await createKeyFile(process.argv[1]).catch(error => console.log(error.message))`
  // Without the environment: whoever watches this test would have the child write files, too.
  const limited = `trap '' XFSZ; ulimit -f 0; exec env -i "$0" --input-type=module -e "$1" "$2"`
  const path = join(dir, 'secret')
  const { stdout } = await run('sh', ['-c', limited, process.execPath, create, path])
  t.equal(stdout, `${path} cannot be written: EFBIG\n`)
  t.strictSame(await readdir(dir), [])
})

t.test('a file that is there is not overwritten, and nothing is left beside it', async t => {
  const dir = t.testdir({ secret: 'precious' })
  await t.rejects(createKeyFile(join(dir, 'secret')), { message: /is there already.*--rotate add/ })
  t.equal(await readFile(join(dir, 'secret'), 'utf8'), 'precious')
  t.strictSame(await readdir(dir), ['secret'])
})

t.test('a key is changed in three steps, each of which may be taken twice', async t => {
  const dir = t.testdir({})
  const path = join(dir, 'secret')
  const [old = ''] = (await createKeyFile(path)).keyIds
  await t.rejects(rotateKeyFile(path, 'drop'), {
    message: /none to drop: --rotate add comes first/,
  })
  const added = await rotateKeyFile(path, 'add')
  const fresh = added.keyIds[1] ?? ''
  t.strictSame(added, { keyIds: [old, fresh], isChanged: true })
  t.strictSame(await idsIn(path), [old, fresh])
  t.strictSame(await rotateKeyFile(path, 'add'), { keyIds: [old, fresh], isChanged: false })
  await t.rejects(rotateKeyFile(path, 'drop'), { message: /--rotate promote comes before/ })
  t.strictSame(await rotateKeyFile(path, 'promote'), { keyIds: [fresh, old], isChanged: true })
  t.strictSame(await idsIn(path), [fresh, old])
  t.strictSame(await rotateKeyFile(path, 'promote'), { keyIds: [fresh, old], isChanged: false })
  await t.rejects(rotateKeyFile(path, 'add'), { message: /a change is under way/ })
  t.strictSame(await rotateKeyFile(path, 'drop'), { keyIds: [fresh], isChanged: true })
  t.strictSame(await idsIn(path), [fresh])
  t.strictSame(await rotateKeyFile(path, 'drop'), { keyIds: [fresh], isChanged: false })
  await t.rejects(rotateKeyFile(path, 'promote'), { message: /--rotate add comes before/ })
  t.match(await readFile(path, 'utf8'), `# new ${fresh}: alone, the others were dropped\n`)
  const again = await rotateKeyFile(path, 'add')
  t.equal(again.keyIds.length, 2, 'and the next change can begin')
  t.notMatch(await readFile(path, 'utf8'), `# new ${fresh}`)
  t.strictSame(await readdir(dir), ['secret'])
})

t.test('a file that people wrote keeps their words, its mode and its link', async t => {
  const dir = t.testdir({})
  const path = join(dir, 'secret')
  const [one, two] = [generateKeyText(), generateKeyText()]
  await writeFile(path, `# of the fleet\n\n${one}\n# second\n${two}\n`, { mode: 0o640 })
  await symlink('secret', join(dir, 'link'))
  const [oneId = '', twoId = ''] = await idsIn(path)
  await t.rejects(rotateKeyFile(join(dir, 'link'), 'drop'), { message: /promote comes before/ })
  t.strictSame((await rotateKeyFile(join(dir, 'link'), 'promote')).keyIds, [twoId, oneId])
  const text = await readFile(path, 'utf8')
  t.match(text, /# of the fleet\n# second\n/)
  t.equal((await stat(path)).mode & 0o777, 0o640)
  t.strictSame((await readdir(dir)).toSorted(), ['link', 'secret'])
  t.strictSame((await rotateKeyFile(path, 'drop')).keyIds, [twoId])
})

t.test('a file that is not there or wrong is not touched', async t => {
  const dir = t.testdir({ wrong: 'hello\n' })
  await t.rejects(rotateKeyFile(join(dir, 'none'), 'add'), { message: /none cannot be read/ })
  await t.rejects(rotateKeyFile(join(dir, 'wrong'), 'add'), { message: /line 1 is no cluster key/ })
  t.strictSame(await readdir(dir), ['wrong'])
})
