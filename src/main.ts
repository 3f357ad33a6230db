#!/usr/bin/env node
// Parsed by whatever Node the machine has: nothing is imported before the check, and the syntax is that of old Nodes after the build.

const neededMajor = 24
const runningMajor = Number(process.versions.node.split('.')[0])

/**
 * A node has little memory and lives long. The young generation stays at its first megabyte: grown to its usual 32 it holds as many dead
 * network buffers, which costs 10 MB idle and 40 under load, and pulls through are slower, as no buffer is met again in the processor's
 * cache. The old one grows by a tenth, not by as much as there is: 100 MB less after a burst of pulls. (`--optimize-for-size` does both,
 * and costs a fifth more processor a request.) The HTTP client's parser is WebAssembly; to optimize it costs 7 MB and gains nothing.
 * `--expose-gc` lets the peer port collect the young generation during a transfer (`adapters/peer-http/collect-young`). `bench/` shows all
 * of it. Threads inherit this.
 */
const memoryFlags = [
  '--max-semi-space-size=1',
  '--heap-growing-percent=10',
  '--expose-gc',
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
]

/**
 * What takes effect only when a process starts. Threads start without Node's snapshot, so the main one may do so as well: it is 5 MB that
 * are read once. V8 copies its builtins for each thread to have them near the compiled code, 2 MB each.
 */
const startFlags = ['--no-node-snapshot', '--no-short-builtin-calls']

/** Of the C library: one heap for all threads instead of one each. 3 MB idle, 5 under load. */
const startEnvironment = { MALLOC_ARENA_MAX: '1' }

/** A node begins anew with the flags that its process should have been started with: the same process, a few ms later. */
function startAnew(): void {
  const isServing = process.argv.includes('serve')
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
        loadContainerdSetup: () => import('./daemon/containerd-setup.ts'),
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
