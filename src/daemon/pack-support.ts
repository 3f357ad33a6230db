import { buffer } from 'node:stream/consumers'
import { packTarGzip } from '../adapters/tar/write-tar.ts'

/** Packs small files into a `.tar.gz`. */
export async function packSupport(
  files: readonly { readonly name: string; readonly text: string }[],
): Promise<Uint8Array> {
  async function* packed() {
    for (const { name, text } of files) {
      const bytes = Buffer.from(text)
      yield { name, size: bytes.length, content: once(bytes) }
    }
  }
  return buffer(packTarGzip(packed()))
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
