/** The container runtime of this node, asked as the kubelet asks it (CRI). Each call throws `HoldfastError` with what went wrong. */
export interface ContainerRuntime {
  /** As in `1.7.24` or `v2.1.9`. */
  version(): Promise<string>
  /** What it runs with, as far as it tells. */
  runningConfig(): Promise<RunningConfig>
  /** Pulls as the kubelet does. */
  pull(image: string): Promise<void>
  remove(image: string): Promise<void>
  close(): void
}

/** Of the running configuration; absent is what this version does not tell. */
export interface RunningConfig {
  /** Directories of registries' hosts, with `:` between them. */
  readonly configPath: string | undefined
  readonly discardUnpackedLayers: boolean | undefined
  /** The directory of the content store. */
  readonly contentRoot: string | undefined
}
