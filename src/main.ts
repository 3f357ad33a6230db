#!/usr/bin/env node
// Parsed by whatever Node the machine has: no static import that loads code, no top-level await, nothing after ES2018.

const neededMajor = 24
const runningMajor = Number(process.versions.node.split('.')[0])

if (runningMajor < neededMajor) {
  process.stderr.write(
    `holdfast needs Node ${neededMajor} or newer, and this is Node ${process.versions.node} (${process.execPath}).\n` +
      'In a checkout, `npm ci` brings the right one; npm finds it by itself:\n' +
      '  npm ci && npm start              start a node\n' +
      '  npx holdfast resolve nginx       ask one\n' +
      `Installed elsewhere, start it with a Node ${neededMajor}: /path/to/node ${process.argv[1]}\n`,
  )
  process.exitCode = 70
} else {
  import('./cli/run.ts')
    .then(({ runCli }) =>
      runCli(process.argv.slice(2), {
        startDaemon: () => import('./daemon.ts').then(({ startDaemon }) => startDaemon),
      }),
    )
    .then(exitCode => {
      process.exitCode = exitCode
    })
    .catch(error => {
      process.stderr.write(`holdfast: ${(error instanceof Error && error.stack) || error}\n`)
      process.exitCode = 70
    })
}
