import type { OwnFiles } from '../../ports/own-files.ts'

/** What is told of files of a drop folder that cannot be written, in a directory of ours: folders as there. */
export const faultFiles: OwnFiles = {
  isFile: name => /\.error\.json(\.new)?$/.test(name),
  folder: () => faultFiles,
}
