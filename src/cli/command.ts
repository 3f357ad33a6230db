import type { Config } from '../config/config.ts'
import type { Fault } from '../config/faults.ts'
import type { Flag } from '../config/flags.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { ContainerdSetup } from './containerd-setup.ts'
import type { ExitCode } from './exit-codes.ts'
import type { UninstallNode } from './uninstall-node.ts'

/** Where a command writes: results to `out`, everything else to `err`. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** `err` is a terminal: logs are for a person. */
  readonly isTerminal: boolean
  /** Of the terminal that `out` is, in characters; absent, or nothing: it is none. */
  size?(): { readonly columns: number; readonly rows: number } | undefined
}

/** A running node, as `serve` sees it. */
export interface RunningDaemon {
  /** Addresses that are listened on, as `host:port`. */
  readonly addresses: {
    readonly mirror: string
    readonly admin: string
    readonly health: string
    readonly peer?: string
    readonly mesh?: string
  }
  /** Stops in bounded time: what is under way is finished or cut cleanly. */
  close(): Promise<void>
  /** Rejects when the node cannot go on. */
  readonly failed?: Promise<never> | undefined
}

/** Starts a node; rejects with an error whose message says what to do. */
export type StartDaemon = (
  config: Config,
  options: { readonly version: string },
) => Promise<RunningDaemon>

/** What a file of cluster keys holds after a command. */
export interface KeyFileState {
  /** Ids of its keys, the one to dial with first. */
  readonly keyIds: readonly string[]
  readonly isChanged: boolean
}

/** Makes and changes cluster keys; rejects with an error whose message says what to do. */
export interface KeyFiles {
  generateKeyText(): string
  createKeyFile(path: string): Promise<KeyFileState>
  rotateKeyFile(path: string, step: 'add' | 'promote' | 'drop'): Promise<KeyFileState>
}

/** Reads the files that the configuration names as a start would: what it would refuse, and what it would tell and go on. */
export type CheckFiles = (
  config: Config,
) => Promise<{ readonly faults: readonly Fault[]; readonly warnings: readonly string[] }>

/** How far a DaemonSet whose pods do one thing and end is on one node. */
export interface NodeWork {
  readonly node: string
  readonly isReady: boolean
  readonly isDone: boolean
  readonly isStuck: boolean
  /** Of what is not done. */
  readonly state: string | undefined
}

/** What the program hands to the command line, for it may not import these itself. */
export interface Parts {
  loadDaemon(): Promise<{
    readonly startDaemon: StartDaemon
    readonly checkFiles: CheckFiles
  }>
  loadKeyFiles(): Promise<KeyFiles>
  loadEarlierBundle(): Promise<{
    /** What a bundle says of itself, read from its beginning. Rejects with an error whose message says what is wrong with the file. */
    readBundleNote(path: string): Promise<Uint8Array>
  }>
  loadSupport(): Promise<{
    /** Packs small files into a `.tar.gz`. */
    packSupport(
      files: readonly { readonly name: string; readonly text: string }[],
    ): Promise<Uint8Array>
  }>
  loadContainerdSetup(): Promise<{
    /** Rejects with an error whose message says what to do. */
    openContainerdSetup(config: Config): Promise<ContainerdSetup>
  }>
  loadUninstall(): Promise<{ readonly uninstallNode: UninstallNode }>
  loadNodeWork(): Promise<{
    /** Throws, and the look rejects, with an error whose message says why Kubernetes cannot be asked. */
    openNodeWork(place: {
      readonly namespace: string
      readonly daemonSet: string
      readonly kubeconfig: string | undefined
    }): (signal: AbortSignal) => Promise<readonly NodeWork[]>
  }>
}

/** Everything a command may use. */
export interface CommandContext {
  /** Name of the command: several may share their code. */
  readonly command: string
  /** What stands after the command's name. */
  readonly words: readonly string[]
  /** Options of the command and the global ones, by name; a switch is `'true'`. */
  readonly options: Readonly<Record<string, string>>
  /** Keys of the configuration that were given. */
  readonly flags: readonly Flag[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly terminal: Terminal
  readonly parts: Parts
  /** Every command with all of its options, and the options of every one. */
  readonly vocabulary: Vocabulary
  /** Makes a document of a result, as `--output` says; absent: a person reads it. */
  readonly write: ((value: unknown) => string) | undefined
  /** Reads the configuration from file, environment and flags. */
  loadConfig(): Promise<LoadedConfig>
}

/** What may be typed. */
export interface Vocabulary {
  readonly commands: readonly Pick<Command, 'name' | 'summary' | 'usage' | 'words' | 'options'>[]
  readonly options: readonly Option[]
}

/** Does the work. Throws `CommandFailure` for what ends it early. */
export type RunCommand = (context: CommandContext) => Promise<ExitCode>

/** An option as help shows it. */
export interface Option {
  readonly name: string
  readonly short?: string
  /** What its value is called; absent for a switch. */
  readonly value?: string
  /** All that its value may be. */
  readonly oneOf?: readonly string[]
  /** What a value may be called that a switch takes after `=`. */
  readonly optionalValue?: string
  readonly summary: string
}

/** A command as data: parsing, help and dispatch all read this. */
export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What follows the name, as `REF [--explain]`. */
  readonly usage: string
  /** How many words it takes. */
  readonly words: { readonly min: number; readonly max: number }
  /** What to know before it is used. */
  readonly description: string
  readonly options: readonly Option[]
  readonly examples: readonly { readonly line: string; readonly does: string }[]
  readonly exitCodes: readonly ExitCode[]
  /** It asks a running node: the options of asking apply. */
  readonly asks: boolean
  /** What it shows changes: it can be watched. */
  readonly isWatchable?: boolean
  /** Imports the code only when the command is run. */
  load(): Promise<{ readonly run: RunCommand }>
}
