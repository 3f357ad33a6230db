import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** The content directory, if this process may look for blobs in it. @param root as containerd or the operator names it */
export function findContentDir(root: string | undefined): string | undefined {
  if (root === undefined) return undefined
  try {
    accessSync(join(root, 'blobs'), constants.R_OK | constants.X_OK)
    return root
  } catch {
    return undefined
  }
}
