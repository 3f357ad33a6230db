import { execFileSync } from 'node:child_process'

/** Every name below a directory with its type, mode, owner, link and, of files, time and content. */
export function pictureOf(directory: string): string {
  const script = `find . -printf '%y %m %u %g %p %l ' \\( -type f -printf '%T@ ' -exec sha256sum {} ';' -o -printf '\\n' \\) | sort`
  return execFileSync('sh', ['-c', script], { cwd: directory, encoding: 'utf8' })
}
