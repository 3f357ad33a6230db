import { leafCount, leafHashBytes } from '../ledger/leaf.ts'
import { digestHex, digestOf } from '../oci/digest.ts'

/** Nodes between the root and the leaves. */
export const innerNodes = 64

/** Leaves below one of them. */
export const leavesPerNode = leafCount / innerNodes

/** Bytes of the root. */
export const rootBytes = 16

/** Bytes of a node's and a leaf's hash on the wire: an error that slips through there is still seen in the root. */
export const hashBytes = 8

/** What is compared of a fingerprint. */
export interface HashTree {
  readonly root: Uint8Array
  /** `innerNodes` × `hashBytes`. */
  readonly nodes: Uint8Array
  /** `leafCount` × `hashBytes`. */
  readonly leaves: Uint8Array
}

const hash = (bytes: Uint8Array): Buffer => Buffer.from(digestHex(digestOf(bytes)), 'hex')

/** The tree over a fingerprint; some 0.3 ms. */
export function treeOf(fingerprint: Uint8Array): HashTree {
  const whole = leavesPerNode * leafHashBytes
  const nodes = Buffer.alloc(innerNodes * leafHashBytes)
  for (let node = 0; node < innerNodes; node++) {
    const below = fingerprint.subarray(node * whole, (node + 1) * whole)
    hash(below).copy(nodes, node * leafHashBytes, 0, leafHashBytes)
  }
  return {
    root: hash(nodes).subarray(0, rootBytes),
    nodes: shorten(nodes),
    leaves: shorten(fingerprint),
  }
}

function shorten(hashes: Uint8Array): Uint8Array {
  const short = new Uint8Array((hashes.length / leafHashBytes) * hashBytes)
  for (let i = 0; i < short.length / hashBytes; i++) {
    const start = i * leafHashBytes
    short.set(hashes.subarray(start, start + hashBytes), i * hashBytes)
  }
  return short
}

/** Numbers of the hashes in which two lists of the same length differ. */
export function differences(a: Uint8Array, b: Uint8Array): readonly number[] {
  const differing: number[] = []
  for (let i = 0; i < a.length / hashBytes; i++) {
    const [start, end] = [i * hashBytes, (i + 1) * hashBytes]
    if (Buffer.compare(a.subarray(start, end), b.subarray(start, end)) !== 0) differing.push(i)
  }
  return differing
}

/** The leaves' hashes of some nodes, one node after another. */
export function leavesOf({ leaves }: HashTree, nodes: readonly number[]): Uint8Array {
  const length = leavesPerNode * hashBytes
  return Buffer.concat(nodes.map(node => leaves.subarray(node * length, (node + 1) * length)))
}

/** The root as a hello tells it. */
export const rootText = ({ root }: Pick<HashTree, 'root'>): string =>
  Buffer.from(root).toString('hex')
