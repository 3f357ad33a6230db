import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const architecture = Type.Union([Type.Literal('amd64'), Type.Literal('arm64')])

/** A Debian package of the base. */
const debianPackage = Type.Object({
  name: Type.String(),
  version: Type.String(),
  /** `all` is for every processor. */
  architecture: Type.Union([architecture, Type.Literal('all')]),
  /** Where it is published: security updates have an archive beside the other. */
  archive: Type.Union([Type.Literal('debian'), Type.Literal('debian-security')]),
  /** Below the archive: `pool/main/g/glibc/libc6_2.41-12_amd64.deb`. */
  path: Type.String(),
  sha256: Type.String(),
})
export type DebianPackage = Type.Static<typeof debianPackage>

const inputs = Type.Object({
  /** When they were pinned: the time of the files in the layers made of them. ISO 8601. */
  pinnedAt: Type.String(),
  debian: Type.Object({
    suite: Type.String(),
    packages: Type.Array(debianPackage),
  }),
  node: Type.Object({
    version: Type.String(),
    /** The packages of npm that hold it, by processor, with their integrity as npm writes it. */
    packages: Type.Array(
      Type.Object({ name: Type.String(), architecture, integrity: Type.String() }),
    ),
  }),
})
/** All that the image is made of and that the checkout does not hold, with the hash of every file. */
export type Inputs = Type.Static<typeof inputs>

/** Where they are written down. */
export const inputsFile: string = join(import.meta.dirname, 'inputs.json')

export async function readInputs(path: string = inputsFile): Promise<Inputs> {
  return Value.Parse(inputs, JSON.parse(await readFile(path, 'utf8')))
}
