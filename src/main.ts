#!/usr/bin/env node
// Parsed by whatever Node the machine has: nothing but a list is imported before the check, and the syntax is that of old Nodes after the
// build, which puts the list in here.

import { memoryFlags, startFlags } from './start-flags.ts'

const neededMajor = 24
const runningMajor = Number(process.versions.node.split('.')[0])

/** Of the C library: one heap for all threads instead of one each. 3 MB idle, 5 under load. */
const startEnvironment = { MALLOC_ARENA_MAX: '1' }

// The first word that is not the value of an option before it.
const isServing =
  process.argv
    .slice(2)
    .find((word, at, words) => !word.startsWith('-') && !/^-[^=]*$/.test(words[at - 1] ?? '')) ===
  'serve'

/** A node begins anew with the flags that its process should have been started with: the same process, a few ms later. */
function startAnew(): void {
  const isStarted = process.execArgv.includes('--no-node-snapshot')
  if (!isServing || isStarted || process.execve === undefined) return
  const args = [
    process.execPath,
    ...process.execArgv,
    ...startFlags,
    ...memoryFlags,
    ...process.argv.slice(1),
  ]
  process.execve(process.execPath, args, { ...startEnvironment, ...process.env })
}

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
  startAnew()
  // Whoever read what we say has gone (EPIPE): no reason to end half way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  import('./cli/run.ts')
    .then(({ runCli }) =>
      runCli(process.argv.slice(2), {
        loadDaemon: () => import('./daemon.ts'),
        loadKeyFiles: () => import('./adapters/cluster-keys/key-file.ts'),
        loadEarlierBundle: () => import('./daemon/earlier-bundle.ts'),
        loadSupport: () => import('./daemon/pack-support.ts'),
        loadContainerdSetup: () => import('./daemon/containerd-setup.ts'),
        loadUninstall: () => import('./daemon/uninstall.ts'),
        loadNodeWork: () => import('./adapters/kubernetes/node-work.ts'),
      }),
    )
    .then(exitCode => {
      process.exitCode = exitCode
      // A node has closed all that is its own. What a library still waits for, such as a collector that takes no spans, ends with it.
      if (isServing) process.exit()
    })
    .catch(error => {
      process.stderr.write(`holdfast: ${(error instanceof Error && error.stack) || error}\n`)
      process.exitCode = 70
    })
}
