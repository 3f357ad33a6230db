/** Every exit code, its number and when it is given. Scripts rely on them: a number never changes its meaning. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done; the answer is on standard output' },
  noAnswer: {
    code: 1,
    meaning:
      'what was named is not there, nothing can be served, or fewer nodes than --copies have it',
  },
  usage: { code: 2, meaning: 'the command line is wrong' },
  configInvalid: { code: 3, meaning: 'the configuration is wrong; every fault is listed' },
  unreachable: {
    code: 4,
    meaning:
      'the node does not answer; with --node all, and where why finds nothing: one of them does not',
  },
  denied: {
    code: 5,
    meaning: 'the node refused the token, or there is none, or its socket is not for this user',
  },
  failed: {
    code: 6,
    meaning: 'the node could not start or had to stop, or it answered with an error',
  },
  faulty: { code: 7, meaning: 'checked, and something has to be mended; every finding is listed' },
  refused: {
    code: 8,
    meaning: 'the node refused what was asked of it, and says why; nothing was changed',
  },
  internal: { code: 70, meaning: 'a fault of Holdfast itself, or a Node that is too old' },
} as const

/** Name of an exit code. */
export type ExitCode = keyof typeof exitCodes
