import type { Architecture, Entry } from './entry.ts'

/** What a program or library says of itself in its ELF headers: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html */
export interface Elf {
  readonly architecture: Architecture | undefined
  /** The loader that a program names: `/lib64/ld-linux-x86-64.so.2`. */
  readonly loader: string | undefined
  /** The libraries it needs: `libc.so.6`. */
  readonly needed: readonly string[]
}

const machines: Readonly<Record<number, Architecture>> = { 62: 'amd64', 183: 'arm64' }
const [segmentLoad, segmentDynamic, segmentLoader] = [1, 2, 3]
const [tagNeeded, tagStrings] = [1, 5]

/** Reads the headers of a 64-bit little-endian ELF file; `undefined` for any other file. */
export function readElf(data: Buffer): Elf | undefined {
  if (data.length < 64 || data.toString('latin1', 0, 4) !== '\x7fELF') return undefined
  if (data[4] !== 2 || data[5] !== 1)
    return { architecture: undefined, loader: undefined, needed: [] }
  const segments = readSegments(data)
  const loader = segments.find(({ type }) => type === segmentLoader)
  return {
    architecture: machines[data.readUInt16LE(18)],
    loader: loader && textAt(data, loader.offset),
    needed: readNeeded(data, segments),
  }
}

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

const number = (data: Buffer, at: number): number => Number(data.readBigUInt64LE(at))

function readSegments(data: Buffer): readonly Segment[] {
  const [table, size, count] = [number(data, 32), data.readUInt16LE(54), data.readUInt16LE(56)]
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * size
    return {
      type: data.readUInt32LE(at),
      offset: number(data, at + 8),
      address: number(data, at + 16),
      size: number(data, at + 32),
    }
  })
}

function readNeeded(data: Buffer, segments: readonly Segment[]): readonly string[] {
  const dynamic = segments.find(({ type }) => type === segmentDynamic)
  if (dynamic === undefined) return []
  const entries = Array.from({ length: dynamic.size / 16 }, (_, index) => {
    const at = dynamic.offset + index * 16
    return { tag: number(data, at), value: number(data, at + 8) }
  })
  const strings = entries.find(({ tag }) => tag === tagStrings)?.value ?? 0
  const holder = segments.find(
    ({ type, address, size }) =>
      type === segmentLoad && address <= strings && strings < address + size,
  )
  if (holder === undefined) return []
  const start = strings - holder.address + holder.offset
  return entries
    .filter(({ tag }) => tag === tagNeeded)
    .map(({ value }) => textAt(data, start + value))
}

const textAt = (data: Buffer, at: number): string =>
  data.toString('latin1', at, data.indexOf(0, at))

/**
 * Every fault of the programs and libraries of an image: made for another processor, or in need of a loader or library that the image
 * does not have. Paths through `lib` and `lib64` are followed to where Debian has them.
 */
export function faultsOfPrograms(
  entries: readonly Entry[],
  architecture: Architecture,
): readonly string[] {
  const paths = new Set(entries.map(({ path }) => path))
  const names = new Set(entries.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)))
  const isHere = (loader: string): boolean => paths.has(loader.replace(/^\/(lib[^/]*)/, 'usr/$1'))
  return entries.flatMap(({ path, data }) => {
    const elf = data && readElf(data)
    if (elf === undefined) return []
    const missing = elf.needed.filter(name => !names.has(name))
    if (elf.loader !== undefined && !isHere(elf.loader)) missing.push(elf.loader)
    return [
      ...(elf.architecture === architecture ? [] : [`${path} is not for ${architecture}`]),
      ...missing.map(name => `${path} needs ${name}`),
    ]
  })
}
