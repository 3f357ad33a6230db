/** The commands by what they are about, in the order in which help shows them. Those whose names have two words go by the first. */
export const topics: readonly (readonly [title: string, names: readonly string[]])[] = [
  ['Run a node', ['serve', 'check-config', 'status', 'config', 'mode', 'log-level', 'uninstall']],
  ['Before the cable is pulled', ['report', 'warm', 'jobs', 'cancel', 'keep', 'unkeep', 'keeps']],
  ['Again and again', ['schedule', 'unschedule', 'schedules']],
  [
    'Tags, and why they are what they are',
    ['tags', 'resolve', 'explain', 'why', 'refresh', 'forget'],
  ],
  ['Decide for all nodes', ['pin', 'unpin', 'rollback', 'pins', 'block', 'unblock', 'blocks']],
  ['Nodes', ['peers', 'mesh', 'ban', 'unban', 'bans']],
  ['The store', ['store', 'gc', 'scrub']],
  ['Carry images, and what was decided', ['import', 'export', 'backup', 'restore']],
  ['Set up clients', ['containerd', 'kubernetes']],
  ['Find out more', ['audit', 'support-bundle', 'completion', 'version']],
]
