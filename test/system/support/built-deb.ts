import { join } from 'node:path'
import { nodeBinary } from './holdfast.ts'
import { run } from './process.ts'
import { cacheDir } from './requirements.ts'

const root = join(import.meta.dirname, '..', '..', '..')

/** Builds the Debian package for this machine's processor as `npm run deb` does, into `dir`; resolves with its path. */
export async function buildDeb(
  dir: string,
  { umask }: { readonly umask: string },
): Promise<string> {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const words = [
    ...['--use-env-proxy', join(root, 'deb', 'build.ts')],
    ...['--out', dir, '--arch', architecture, '--cache', join(cacheDir, 'image')],
  ]
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' }
  const script = `umask ${umask}; exec "$@"`
  const told = await run('sh', ['-ec', script, 'sh', nodeBinary, ...words], {
    env,
    timeoutMs: 240_000,
  })
  return told.trim().split('\n').at(-1) ?? ''
}
