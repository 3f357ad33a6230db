import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A source file and its text. */
export interface SourceFile {
  /** Absolute path. */
  readonly file: string
  readonly text: string
}

/** Every TypeScript file below a directory, in the order of their paths. */
export async function readSources(directory: string): Promise<readonly SourceFile[]> {
  const paths: string[] = []
  for await (const path of glob('**/*.ts', { cwd: directory })) paths.push(join(directory, path))
  return Promise.all(paths.sort().map(async file => ({ file, text: await readFile(file, 'utf8') })))
}
