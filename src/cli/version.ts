import { readFile } from 'node:fs/promises'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const manifest = new URL('../../package.json', import.meta.url)

/** The version of this package. */
export async function readVersion(): Promise<string> {
  return Value.Parse(
    Type.Object({ version: Type.String() }),
    JSON.parse(await readFile(manifest, 'utf8')),
  ).version
}
