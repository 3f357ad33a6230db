import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parse } from 'yaml'
import { repository, runConfig } from '../../image/config.ts'
import { ownUser } from '../../image/entry.ts'

t.test('the image has the name that the chart pulls it by', async t => {
  const values = new URL('../../helm/holdfast/values.yaml', import.meta.url)
  const { image } = parse(await readFile(values, 'utf8')) as { image: { repository: string } }
  t.equal(repository, image.repository)
})

t.test('the Dockerfile runs Holdfast as the image of `npm run image` does', async t => {
  const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8')
  const said = (word: string) =>
    [...dockerfile.matchAll(new RegExp(`^${word} (.+)$`, 'gm'))].at(-1)?.[1]
  t.equal(said('USER'), runConfig.User)
  t.equal(said('ENV'), runConfig.Env.join(' '))
  t.equal(said('WORKDIR'), runConfig.WorkingDir)
  t.same(JSON.parse(said('ENTRYPOINT') ?? ''), runConfig.Entrypoint)
  t.same(JSON.parse(said('CMD') ?? ''), runConfig.Cmd)
  t.match(dockerfile, `--chown=${ownUser}:${ownUser} /own/ /var/lib/`)
})
