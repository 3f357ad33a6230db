import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A block of shell of a page: what is to be typed. */
export interface PageBlock {
  /** Of the second order. */
  readonly heading: string
  /** What stands behind `sh` where the block begins. */
  readonly info: string
  readonly script: string
}

/** All of them, in order, of a page of `docs`. */
export async function readBlocks(page: string): Promise<readonly PageBlock[]> {
  const markdown = await readFile(join(import.meta.dirname, '../../../docs', page), 'utf8')
  return markdown.split(/^## /m).flatMap(section => {
    const heading = section.slice(0, section.indexOf('\n'))
    const fences = section.matchAll(/^```sh ?([^\n]*)\n(.*?)^```$/gms)
    return [...fences].map(([, info = '', script = '']) => ({ heading, info, script }))
  })
}
