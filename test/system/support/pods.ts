import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from './process.ts'

/** A call of CRI's runtime service. */
export type CallRuntime = <T>(method: string, request: object) => Promise<T>

/** How a pod runs; always in the host's network. */
export interface PodOptions {
  /** In place of the image's entrypoint. */
  readonly command?: readonly string[]
  /** In place of the image's command. */
  readonly args?: readonly string[]
  readonly mounts?: readonly {
    readonly container_path: string
    readonly host_path: string
    readonly readonly?: boolean
    readonly propagation?: 'PROPAGATION_BIDIRECTIONAL'
  }[]
  /**
   * `restricted` is what Kubernetes calls so, with a root file system that is read-only; `privileged` is the opposite, with such a root.
   * Default: what the runtime does by itself.
   */
  readonly security?: 'restricted' | 'privileged'
  /** In place of the image's user. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** A pod of one container. */
export interface Pod {
  /** What it printed so far. */
  output(): Promise<string>
  /** Runs a command beside it, without a shell; resolves with what it printed. */
  exec(...command: readonly string[]): Promise<string>
  /** The exit code, once it ended by itself. */
  ended(): Promise<number>
  /** Ends it with SIGTERM, and removes it. Resolves with the exit code. */
  stop(): Promise<number>
}

interface Status {
  readonly status: { readonly state: string; readonly exit_code: number }
}

let pods = 0

/** Starts a pod of this image; logs go below `dir`. */
export async function startPod(
  call: CallRuntime,
  { dir, image }: { readonly dir: string; readonly image: string },
  { command = [], args = [], mounts = [], ...options }: PodOptions = {},
): Promise<Pod> {
  pods += 1
  const name = `pod-${pods}`
  const network = { namespace_options: { network: 'NODE' } }
  const sandbox = {
    metadata: { name, uid: `${name}-${process.pid}`, namespace: 'default' },
    log_directory: join(dir, 'logs'),
    linux: {
      security_context: { ...network, privileged: options.security === 'privileged' },
    },
  }
  const sandboxAnswer = await call<{ pod_sandbox_id: string }>('RunPodSandbox', { config: sandbox })
  const { pod_sandbox_id } = sandboxAnswer
  const removeSandbox = async (): Promise<void> => {
    await call('StopPodSandbox', { pod_sandbox_id })
    await call('RemovePodSandbox', { pod_sandbox_id })
  }
  const createContainer = () =>
    call<{ container_id: string }>('CreateContainer', {
      pod_sandbox_id,
      config: {
        metadata: { name: 'main' },
        image: { image },
        command,
        args,
        mounts,
        log_path: `${name}.log`,
        // As the kubelet asks for it: its processes are its own.
        linux: {
          security_context: {
            namespace_options: { network: 'NODE', pid: 'CONTAINER' },
            ...securityOf(options),
          },
        },
      },
      sandbox_config: sandbox,
    })
  async function begin(): Promise<string> {
    const { container_id } = await createContainer()
    await call('StartContainer', { container_id })
    return container_id
  }
  // Nobody else knows of the sandbox of a pod that does not start.
  const container_id = await begin().catch(async error => {
    await removeSandbox()
    throw error
  })

  const output = () => readFile(join(dir, 'logs', `${name}.log`), 'utf8')
  const exitCode = async (): Promise<number> => {
    const { code } = await until(`the container of ${image} ends`, async () => {
      const { status } = await call<Status>('ContainerStatus', { container_id })
      return status.state === 'CONTAINER_EXITED' && { code: status.exit_code }
    })
    return code
  }
  let stopped: Promise<number> | undefined
  const stop = async (): Promise<number> => {
    await call('StopContainer', { container_id, timeout: 20 })
    const code = await exitCode()
    await removeSandbox()
    return code
  }
  return {
    output,
    async exec(...cmd) {
      const answer = await call<{ stdout: Buffer; stderr: Buffer; exit_code: number }>('ExecSync', {
        container_id,
        cmd,
        timeout: 30,
      })
      const printed = `${answer.stdout}${answer.stderr}`
      if (answer.exit_code !== 0)
        throw new Error(`${cmd.join(' ')}: ${answer.exit_code} ${printed}`)
      return printed
    },
    ended: exitCode,
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }
}

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
function securityOf({ security, user }: Pick<PodOptions, 'security' | 'user'>): object {
  return {
    ...(user && { run_as_user: { value: user.uid }, run_as_group: { value: user.gid } }),
    ...(security === 'privileged' && { privileged: true, readonly_rootfs: true }),
    ...(security === 'restricted' && {
      capabilities: { drop_capabilities: ['ALL'] },
      readonly_rootfs: true,
      no_new_privs: true,
      seccomp: { profile_type: 'RuntimeDefault' },
    }),
  }
}
