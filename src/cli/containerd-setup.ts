/** The containerd beside this node, as the command line sets it up. */
export interface ContainerdSetup {
  /** Directory of its `hosts.toml` files. */
  readonly certsDir: string
  /** Rejects with an error whose message says what to do. */
  install(order: {
    /** Those named; empty: all that are configured. `_default` stands for all without a file of their own. */
    readonly registries: readonly string[]
    /** Absent: as configured. */
    readonly fallback: Fallback | undefined
    /** URLs asked after the mirror. */
    readonly targets: readonly string[]
    readonly prepend: boolean
    readonly force: boolean
    /** Refuse where containerd would not read what is written. */
    readonly requireConfigPath: boolean
    /** Edit `registries.yaml` where K3s answers for a registry; else the edit is told. */
    readonly write: boolean
  }): Promise<InstallReport>
  uninstall(order: { readonly force: boolean }): Promise<readonly Uninstalled[]>
  /** Takes away what stands behind the mirror by `auto`, and what would be put there. Those are told. */
  leaveAlone(): Promise<readonly LeftAlone[]>
  status(): Promise<readonly HostsState[]>
  /** Looks at everything that a pull through the mirror needs. */
  check(order: {
    /** Pull an image through the mirror, too. */
    readonly pull: boolean
  }): Promise<readonly Finding[]>
  /** What to write where, for a program that is set up by hand. */
  print(order: {
    readonly program: Program
    readonly registries: readonly string[]
    readonly fallback: Fallback | undefined
    readonly targets: readonly string[]
  }): Promise<readonly Snippet[]>
}

/** One thing that was looked at. */
export interface Finding {
  readonly id: string
  readonly level: 'ok' | 'warning' | 'fault'
  readonly what: string
  readonly fix?: string
}

/** Whose files are printed. */
export type Program = 'containerd' | 'podman' | 'crio' | 'docker'

/** A file with what it is to say. */
export interface Snippet {
  readonly path: string
  readonly text: string
}

interface InstallReport {
  readonly items: readonly Installed[]
  /** What K3s has to be told in its own file; absent where it names none of the registries. */
  readonly edit?: RegistriesEdit
  readonly notes: readonly string[]
}

/** An edit of `registries.yaml`. */
export interface RegistriesEdit {
  readonly path: string
  readonly registries: readonly string[]
  /** The whole text as it is to be. */
  readonly text: string
  readonly outcome: 'unchanged' | 'to-be-edited' | 'edited'
}

/** What stands behind the mirror. */
export type Fallback = 'auto' | 'upstream' | 'none'

interface Installed {
  readonly registry: string
  readonly path: string
  readonly outcome: 'written' | 'replaced' | 'prepended' | 'unchanged' | 'refused'
  readonly reason?: string
}

/** What became of one file of containerd. */
export interface Uninstalled {
  /** Absent: a file that is about several. */
  readonly registry?: string
  readonly path: string
  /** `edited`: it was changed since, and lost the mirror alone. */
  readonly outcome: 'restored' | 'removed' | 'edited' | 'left' | 'refused'
  readonly reason?: string
}

/** A registry that stands behind the mirror no more. */
interface LeftAlone {
  readonly registry: string
  readonly path: string
  readonly outcome: 'alone'
}

/** How one registry is set up. */
export interface HostsState {
  readonly registry: string
  readonly path: string
  readonly owner: 'nobody' | 'holdfast' | 'edited' | 'k3s' | 'other'
  readonly fallback?: Fallback
  /** With `auto`: who stands behind the mirror now. */
  readonly behind?: 'upstream' | 'none'
  /** With `auto`: why it is `none` on this machine. */
  readonly whyAlone?: string
  readonly hasBackup: boolean
  readonly problem?: string
  readonly asks: readonly string[]
}
