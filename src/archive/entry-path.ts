import { quote } from '../oci/reference.ts'
import { ArchiveRefusal, type RefusalCode } from '../ports/archive.ts'

/** Characters: the longest that image archives have is half of it. */
const maxPathLength = 255

/**
 * The name of an entry as a path within the archive: components joined by `/`, without `.`; the empty text for the archive itself. Throws
 * `ArchiveRefusal` `path` for what leads out, is absolute, too long, or holds what no name of an image archive does.
 */
export function readPath(name: string): string {
  return join([], name, 'path', name)
}

/** Where a symbolic link at `path` leads, within the archive. Throws `ArchiveRefusal` `link` when it leads out. */
export function readLink(path: string, target: string): string {
  return join(path.split('/').slice(0, -1), target, 'link', `${path} -> ${target}`)
}

/** Where a hard link leads: its target is written from the archive's root. */
export function readHardLink(path: string, target: string): string {
  return join([], target, 'link', `${path} -> ${target}`)
}

function join(base: readonly string[], text: string, code: RefusalCode, said: string): string {
  const fault = faultOf(text)
  if (fault !== undefined) throw new ArchiveRefusal(code, `${quote(said)} ${fault}`)
  const components = [...base]
  for (const component of text.split('/').filter(part => part !== '' && part !== '.')) {
    if (component !== '..') components.push(component)
    else if (components.pop() === undefined || code === 'path') {
      throw new ArchiveRefusal(code, `${quote(said)} leads out of the archive`)
    }
  }
  return components.join('/')
}

function faultOf(text: string): string | undefined {
  if (text.startsWith('/')) return 'leads out of the archive'
  if (text.length > maxPathLength) return `is longer than ${maxPathLength} characters`
  const isPlain = /^[\x20-\x7e]*$/.test(text) && !text.includes('\\')
  return isPlain ? undefined : 'is no name that an image archive has'
}
