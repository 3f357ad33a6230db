import { Readable, type Transform } from 'node:stream'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import { pack } from 'tar-stream'
import type { PackArchive, PackedFile } from '../../ports/archive.ts'

/** Layers are packed already: more effort finds little. */
const level = 1

/** Packs a tar with zstd. */
export const packTar: PackArchive = files =>
  pipeThrough(createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }), files)

/** Packs a tar with gzip, which every machine can open. */
export const packTarGzip: PackArchive = files => pipeThrough(createGzip(), files)

function pipeThrough(packed: Transform, files: AsyncIterable<PackedFile>): Transform {
  const tar = Readable.from(tarOf(files), { objectMode: false, highWaterMark: 1 })
  tar.on('error', error => packed.destroy(error))
  packed.on('close', () => tar.destroy())
  return tar.pipe(packed)
}

async function* tarOf(files: AsyncIterable<PackedFile>): AsyncGenerator<Uint8Array> {
  const tar = pack()
  const filling = fill(tar, files)
  filling.catch(error => tar.destroy(error))
  try {
    yield* tar as AsyncIterable<Uint8Array>
    await filling
  } catch (error) {
    tar.destroy()
    await filling // its failure goes before what the tar makes of it
    throw error
  } finally {
    tar.destroy()
  }
}

type Entry = ReturnType<ReturnType<typeof pack>['entry']>

async function fill(tar: ReturnType<typeof pack>, files: AsyncIterable<PackedFile>): Promise<void> {
  for await (const { name, size, content } of files) {
    const done = Promise.withResolvers<void>()
    done.promise.catch(() => {}) // awaited below, unless the content failed before
    const entry = tar.entry({ name, size, mtime: new Date(0) }, error => {
      if (error) done.reject(error)
      else done.resolve()
    })
    for await (const chunk of content) {
      if (!entry.write(chunk)) await drained(entry)
    }
    entry.end(null)
    await done.promise
  }
  tar.finalize()
}

function drained(entry: Entry): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const settle = (run: () => void) => () => {
      entry.off('drain', onDrain)
      entry.off('close', onClose)
      run()
    }
    const onDrain = settle(resolve)
    const onClose = settle(() => reject(new Error('nobody wants the archive any more')))
    entry.on('drain', onDrain)
    entry.on('close', onClose)
  })
}
