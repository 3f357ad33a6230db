import { readFile, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { readSources } from './sources.ts'

const root = join(import.meta.dirname, '..')

/** `new URL('./x', import.meta.url)` as the sources write it: the one way in which they name a file beside the code. */
const besideTheCode = /new URL\(\s*'(\.{1,2}\/[^']+)',\s*import\.meta\.url,?\s*\)/g

/**
 * Bundles name the same files from another place. A path to a TypeScript file is a worker's entry and becomes its own bundle in
 * `dist`; every other path (migrations, an OpenAPI document) is rewritten to lead to the same file from there.
 */
function rewriteUrls(text: string, file: string, outdir: string): string {
  return text.replace(besideTheCode, (_, path: string) => {
    const target = path.endsWith('.ts')
      ? `./${basename(path, '.ts')}.js`
      : relative(outdir, resolve(dirname(file), path)).replace(/^(?!\.)/, './')
    const slash = path.endsWith('/') ? '/' : ''
    return `new URL('${target}${slash}', import.meta.url)`
  })
}

const fromDist = (outdir: string): Plugin => ({
  name: 'from-dist',
  setup(context) {
    context.onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, async ({ path }) => ({
      contents: rewriteUrls(await readFile(path, 'utf8'), path, outdir),
      loader: 'ts',
    }))
  },
})

/** What `main.ts` imports when it is asked for: source, from `src` and without its ending, by the bundle that it becomes. */
const loadedByMain: Readonly<Record<string, string>> = {
  holdfast: 'cli/run',
  daemon: 'daemon',
  'key-file': 'adapters/cluster-keys/key-file',
  'containerd-setup': 'daemon/containerd-setup',
  uninstall: 'daemon/uninstall',
  'earlier-bundle': 'daemon/earlier-bundle',
  'pack-support': 'daemon/pack-support',
  'node-work': 'adapters/kubernetes/node-work',
}

/** `main.js` must parse on an old Node in order to say so: it stays alone and finds the bundles beside it. */
const bundlesBeside: Plugin = {
  name: 'bundles-beside',
  setup(context) {
    const bundles = new Map(
      Object.entries(loadedByMain).map(([bundle, source]) => [`./${source}.ts`, `./${bundle}.js`]),
    )
    context.onResolve({ filter: /^\.\// }, ({ path, kind }) => {
      const bundle = bundles.get(path)
      if (bundle !== undefined) return { path: bundle, external: true }
      if (kind !== 'dynamic-import') return undefined
      return { errors: [{ text: `${path} has no bundle: name it in loadedByMain` }] }
    })
  },
}

/**
 * What libraries load when they start and nobody here asks for: 10 MB resident with Node's own part of it. By module, what is there in
 * its place; asking it for anything else fails.
 */
const standIns: Readonly<Record<string, string>> = {
  // All faces and all questions are HTTP/1.1. Both who ask for it do without where Node was built without.
  'node:http2': 'module.exports = { constants: {} };',
  // No route has a schema that fastify would compile, see `http/without-schemas.ts`.
  '@fastify/ajv-compiler': '',
  '@fastify/fast-json-stringify-compiler': '',
  // Of the client the pool alone, without fetch, WebSocket, caches and mocks.
  undici: `import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
    import Pool from 'undici/lib/dispatcher/pool.js';
    import request from 'undici/lib/api/api-request.js';
    Dispatcher.prototype.request = request;
    export { Pool };`,
}

const withStandIns: Plugin = {
  name: 'with-stand-ins',
  setup(context) {
    const names = Object.keys(standIns).join('|')
    const sources = join(root, 'src')
    context.onResolve({ filter: new RegExp(`^(${names})$`) }, ({ path, importer }) =>
      path === 'undici' && !importer.startsWith(sources)
        ? undefined // a library that wants more of it, and that only some nodes load
        : { path, namespace: 'stand-in' },
    )
    context.onLoad({ filter: /./, namespace: 'stand-in' }, ({ path }) => ({
      contents: standIns[path] ?? '',
      resolveDir: root,
    }))
  },
}

/** Worker entries: every TypeScript file that a source names by `new URL`, as output name → file. */
async function workerEntries(): Promise<Record<string, string>> {
  const entries: Record<string, string> = {}
  for (const { file, text } of await readSources(join(root, 'src'))) {
    for (const [, path] of text.matchAll(besideTheCode)) {
      if (path === undefined || !path.endsWith('.ts')) continue
      const worker = resolve(dirname(file), path)
      const name = basename(worker, '.ts')
      if (entries[name] !== undefined && entries[name] !== worker) {
        throw new Error(`two workers are named ${name}: ${entries[name]} and ${worker}`)
      }
      entries[name] = worker
    }
  }
  return entries
}

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  // Node keeps the text of what it loads: this is worth 8 MB. Names stay, so that stack traces can be read without the map.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: true,
  logLevel: 'warning',
  legalComments: 'none',
} satisfies BuildOptions

/** CommonJS dependencies ask for Node's own modules by `require`, which an ES module does not have. */
const requireForCommonJs =
  "import { createRequire as createRequireOfBundle } from 'node:module';const require = createRequireOfBundle(import.meta.url);"

/**
 * What is loaded from `node_modules`: a native module; the client of Kubernetes, which is larger than all the rest, and few nodes load it;
 * that of gRPC, which speaks HTTP/2, as nothing else does; and hardly any archive is bzip2.
 */
export const unbundled = [
  'better-sqlite3',
  '@kubernetes/client-node',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'seek-bzip',
] as const

/** What {@link makeBundles} makes. */
export interface Bundles {
  /** By their paths from the root. */
  readonly outputs: ReadonlyMap<string, Uint8Array>
  /** Paths of the files that something was taken of, from the root. */
  readonly sources: readonly string[]
}

const dist = join(root, 'dist')

/** What would be in `dist`, where nothing is written: whoever packs it disturbs nobody who runs or packs what is there. */
export async function makeBundles(): Promise<Bundles> {
  const { parts, main } = await bundle(dist, false)
  const outputs = [...(parts.outputFiles ?? []), ...(main.outputFiles ?? [])]
  const inputs = Object.values(parts.metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs),
  )
  return {
    outputs: new Map(outputs.map(({ path, contents }) => [relative(root, path), contents])),
    sources: inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file),
  }
}

/** Bundles `src/` into `outdir`, which is emptied first. */
export async function buildBundles(outdir: string = dist): Promise<void> {
  await rm(outdir, { recursive: true, force: true })
  await bundle(outdir, true)
}

/**
 * Bundles `src/`. Native modules, and what hardly any node loads, stay outside and are found in `node_modules`. What `main.ts` loads
 * becomes bundles of its own, so that asking commands do not pay for the daemon.
 */
async function bundle(outdir: string, write: boolean) {
  const parts = await build({
    ...common,
    write,
    metafile: true,
    absWorkingDir: root,
    entryPoints: {
      ...Object.fromEntries(
        Object.entries(loadedByMain).map(([name, source]) => [
          name,
          join(root, 'src', `${source}.ts`),
        ]),
      ),
      ...(await workerEntries()),
    },
    target: 'node24',
    external: [...unbundled],
    banner: { js: requireForCommonJs },
    splitting: true,
    chunkNames: 'part-[hash]',
    outdir,
    plugins: [withStandIns, fromDist(outdir)],
  })
  // Last: its age is the age of the build.
  const main = await build({
    ...common,
    write,
    entryPoints: { main: join(root, 'src/main.ts') },
    target: 'node12',
    supported: { 'dynamic-import': true },
    outdir,
    plugins: [bundlesBeside],
  })
  return { parts, main }
}

/** Whether a source or the lock file is younger than the last build. */
async function isStale(outdir: string): Promise<boolean> {
  const built = await stat(join(outdir, 'main.js')).catch(() => undefined)
  if (built === undefined) return true
  const files = (await readSources(join(root, 'src'))).map(source => source.file)
  for (const file of [...files, join(root, 'package-lock.json')]) {
    if ((await stat(file).catch(() => built)).mtimeMs > built.mtimeMs) return true
  }
  return false
}

if (import.meta.main) {
  if (!process.argv.includes('--if-needed') || (await isStale(dist))) await buildBundles()
}
