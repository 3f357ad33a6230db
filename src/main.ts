#!/usr/bin/env node
// Parsed by whatever Node the machine has: nothing is imported before the check, and the syntax is that of old Nodes after the build.

const neededMajor = 24
const runningMajor = Number(process.versions.node.split('.')[0])

if (runningMajor < neededMajor) {
  process.stderr.write(
    `holdfast needs Node ${neededMajor} or newer, and this is Node ${process.versions.node} (${process.execPath}).\n` +
      'In a checkout, `npm ci` brings the right one, and npm scripts find it by themselves:\n' +
      '  npm ci && npm start                  start a node\n' +
      '  npm run holdfast -- resolve nginx    ask it\n' +
      `Installed elsewhere, start it with a Node ${neededMajor}: /path/to/node ${process.argv[1]}\n`,
  )
  process.exitCode = 70
} else {
  import('./cli/run.ts')
    .then(({ runCli }) =>
      runCli(process.argv.slice(2), { loadDaemon: () => import('./daemon.ts') }),
    )
    .then(exitCode => {
      process.exitCode = exitCode
    })
    .catch(error => {
      process.stderr.write(`holdfast: ${(error instanceof Error && error.stack) || error}\n`)
      process.exitCode = 70
    })
}
