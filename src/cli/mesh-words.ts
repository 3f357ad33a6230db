import type { PeersAnswer } from './answers.ts'

/** Said where there is no mesh. */
export const tellNoMesh: readonly string[] = [
  'this node has no mesh: mesh.enabled is false',
  'To join others: `holdfast mesh secret --file FILE`, the same file on every node; then set mesh.enabled: true, mesh.secretFile and',
  'mesh.seeds, and restart.',
]

/** What is wrong in the mesh, a line each, with what to do; after an empty line. */
export function tellAlarms(alarms: PeersAnswer['alarms']): readonly string[] {
  if (alarms.length === 0) return []
  return [
    '',
    ...alarms.map(({ code, nodes, detail }) => {
      const names = nodes.map(({ name, id }) => `${name} (${id.slice(0, 12)})`).join(', ')
      const why = detail == null ? '' : `: ${detail}`
      return `warning: ${names}: ${words[code] ?? code}${why}`
    }),
  ]
}

const words: Readonly<Record<string, string>> = {
  'twin-key':
    'two nodes use this key, one of them is a copy: remove node.key from the data directory of the copy and restart it',
  'twin-name': 'nodes of one name: give each a node.name of its own',
  protocol: 'speaks no version of the protocol that this node speaks: upgrade the older one',
  'clock-unverified':
    'no registry has told this node the time over TLS since its start, and no two other nodes have confirmed its own',
  'clock-apart': 'its clock is more than five minutes from that of this node: set it',
  'cut-off': 'reaches no other node of the mesh',
  'keys-unread':
    'goes on with the cluster keys of before, and would not start again: its file of keys is not taken as it is now',
  'other-key':
    'not the key of the cluster that this node dials with: the new secret file has not been given to every node yet',
  'dropped-key':
    'away, and knew no key of the cluster that this node accepts: give the new secret file before the next start there',
}
