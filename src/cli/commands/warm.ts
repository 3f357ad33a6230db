import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import type { CommandContext, RunCommand } from '../command.ts'
import { CommandFailure } from '../command-failure.ts'
import { exitCodeOf, jobLines } from '../job-words.ts'
import { readCopies, storedOnProperty } from '../operator-words.ts'
import { print, properties, readReference } from '../print.ts'
import { readImageList } from '../read-image-list.ts'
import { howToGoOn, makeJob, newJobId, watchJob } from '../watch-job.ts'

/** `holdfast warm [IMAGE]…` */
export const run: RunCommand = async context => {
  const { options, terminal } = context
  const body = await readBody(context)
  const id = options['id'] ?? newJobId()
  const api = createAdminApi(await findAdmin(context))
  const made = await makeJob(api, id, body)
  if (options['detach'] !== undefined) {
    print(context, made, () => [
      `job ${id}: ${made.images} ${made.images === 1 ? 'image' : 'images'}`,
      ...properties([storedOnProperty(made.storedOn)]),
      '',
      howToGoOn(id),
    ])
    return 'ok'
  }
  const { job, isLeft } = await watchJob(api, id, terminal)
  print(context, job, () => [...jobLines(job), ...(isLeft ? ['', howToGoOn(id)] : [])])
  return exitCodeOf(job)
}

/** Throws `CommandFailure` with `usage`. */
async function readBody({ words, options }: CommandContext): Promise<object> {
  const { list, from, node, all, concurrency } = options
  const scopes = [node, all, options['copies']].filter(one => one !== undefined)
  if (scopes.length > 1) {
    throw new CommandFailure('usage', '--node, --all and --copies exclude each other')
  }
  const listed = list === undefined ? [] : await readImageList(list)
  const images = [...words, ...listed].map(word => formatReference(readReference(word)))
  if (images.length === 0 && from === undefined) {
    throw new CommandFailure(
      'usage',
      'name images, or a --list of them, or say --from keep or --from running',
    )
  }
  if (from !== undefined && from !== 'keep' && from !== 'running') {
    throw new CommandFailure('usage', `--from ${JSON.stringify(from)} is neither keep nor running`)
  }
  return {
    ...(images.length > 0 && { images: [...new Set(images)] }),
    from,
    platforms: options['platform']?.split(','),
    nodes: node?.split(','),
    copies: readCopies(options['copies']),
    concurrency: readConcurrency(concurrency),
    referrers: options['referrers'] !== undefined,
    note: options['note'],
    author: options['author'],
  }
}

function readConcurrency(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = /^[0-9]{1,2}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= 16) return count
  throw new CommandFailure(
    'usage',
    `--concurrency ${JSON.stringify(text)} is no number from 1 to 16`,
  )
}
