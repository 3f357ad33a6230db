import { createCipheriv, hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { digestOf } from '../../src/oci/digest.ts'
import { blob, type TestBlob } from './blob.ts'
import { type TarEntry, tar, tarAround } from './tar.ts'

/**
 * What a layer holds: that many incompressible bytes in one file (any size, fast), these files, files that depend on the platform, or
 * nothing but a URL (a non-distributable layer, whose bytes are in no registry).
 */
export type LayerSpec =
  | number
  | readonly TarEntry[]
  | ((platform: string) => readonly TarEntry[])
  | { readonly foreignUrl: string }

/** `size` bytes that do not compress and depend on nothing but `seed`; about 1 GB/s. */
export function randomBytesOf(seed: string, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  fillRandomly(bytes, seed)
  return bytes
}

/** The files of a small userland around a static busybox, for images that a pod really runs. */
export function busyboxFiles(
  binary: string,
  applets: readonly string[] = ['sh', 'echo', 'cat', 'sleep', 'true', 'ls'],
): readonly TarEntry[] {
  return [
    { name: 'bin/', type: 'directory' },
    { name: 'bin/busybox', data: readFileSync(binary), mode: 0o755 },
    ...applets.map((applet): TarEntry => {
      return { name: `bin/${applet}`, type: 'symlink', target: 'busybox' }
    }),
    { name: 'tmp/', type: 'directory', mode: 0o1777 },
  ]
}

/** A layer, made. */
export interface Layer {
  readonly blob: TestBlob
  /** Digest of the tar in it. */
  readonly diffId: string
  readonly isForeign: boolean
}

/** Makes a layer; `seed` decides what random bytes it holds. */
export function makeLayer(
  spec: LayerSpec,
  platform: string,
  seed: string,
  types: { readonly layer: string; readonly foreign: string },
): Layer {
  if (typeof spec === 'object' && 'foreignUrl' in spec) {
    const absent = packLayer(types.foreign, tar([{ name: 'foreign', data: seed }]), 6)
    return { ...absent, blob: { ...absent.blob, urls: [spec.foreignUrl] }, isForeign: true }
  }
  if (typeof spec === 'number') {
    const archive = tarAround('data.bin', spec, data => fillRandomly(data, seed))
    return packLayer(types.layer, archive, 0)
  }
  return packLayer(types.layer, tar(typeof spec === 'function' ? spec(platform) : spec), 6)
}

function packLayer(mediaType: string, archive: Buffer, level: number): Layer {
  const bytes = gzipSync(archive, { level })
  return { blob: blob(mediaType, bytes), diffId: digestOf(archive), isForeign: false }
}

function fillRandomly(into: Buffer, seed: string): void {
  const key = hash('sha256', seed, 'buffer').subarray(0, 16)
  const stream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(256 * 1024)
  for (let at = 0; at < into.length; at += zeros.length) {
    stream.update(zeros.subarray(0, into.length - at)).copy(into, at)
  }
}
