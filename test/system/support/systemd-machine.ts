import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, start, until } from './process.ts'

/** A machine that systemd was started on: this one's files, and what it changes of them, which ends with it. Its network is its own loopback. */
export interface SystemdMachine {
  /** Of its first process, seen from here: whose namespaces are the machine's. */
  readonly pid: number
  /** Runs a command there to its end. Rejects with its output when it fails. */
  run(...words: readonly string[]): Promise<string>
  /** All of it is gone, its processes as well. */
  end(): Promise<void>
}

/**
 * Layers a disk in memory over this machine's, and starts systemd on it. What this machine starts at boot is left out, and so is its policy of
 * starting nothing when a package is installed.
 */
const boot = `
mount -t tmpfs tmpfs "$1/layer" && mkdir "$1/layer/upper" "$1/layer/work" "$1/layer/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layer/upper,workdir=$1/layer/work" "$1/layer/root"
cd "$1/layer/root"
ip link set lo up
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev && mkdir dev/shm dev/pts
for device in null zero full random urandom tty; do cp -a "/dev/$device" dev/; done
ln -s pts/ptmx dev/ptmx
mkdir run/given && mount --bind "$1/given" run/given
if [ -d /sys/fs/cgroup/systemd ]; then
  mount -t tmpfs tmpfs sys/fs/cgroup && mkdir sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
else
  mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
rm -rf usr/sbin/policy-rc.d etc/systemd/system/*.wants
# What would set up hardware and the kernel, which are those of this machine.
for unit in systemd-udevd systemd-udev-trigger systemd-sysctl systemd-modules-load systemd-binfmt; do
  ln -sf /dev/null "etc/systemd/system/$unit.service"
done
exec chroot . env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=basic.target --show-status=no
`

/**
 * Starts one; `dir`'s folder `given` is its `/run/given`. Needs root and Debian's systemd.
 *
 * @param dir of this machine alone
 */
export async function startSystemd(dir: string): Promise<SystemdMachine> {
  await mkdir(join(dir, 'layer'), { recursive: true })
  await mkdir(join(dir, 'given'), { recursive: true })
  const spaces = ['--mount', '--pid', '--net', '--cgroup', '--uts', '--ipc', '--fork']
  const outer = start('unshare', [
    ...[...spaces, '--propagation', 'private', '--kill-child', 'sh', '-ec', boot, 'sh', dir],
  ])
  const first = await until('systemd is started', async () => {
    const told = await readFile(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8')
    const pid = told.split(' ')[0] || undefined
    const name = pid && (await readFile(`/proc/${pid}/comm`, 'utf8'))
    return name === 'systemd\n' ? pid : undefined
  }).catch(async error => {
    await outer.stop('SIGKILL')
    throw new Error(outer.output(), { cause: error })
  })
  const environment = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C']
  const within = ['--target', first, '--all', '--root', '--wd', '--', ...environment]
  const inside = (...words: readonly string[]) => run('nsenter', [...within, ...words])
  await until('systemd has started all that it starts', async () => {
    const state = await inside('systemctl', 'is-system-running').catch(String)
    return /^(running|degraded)\b|: 1\n(degraded)\b/.test(state)
  })
  return {
    pid: Number(first),
    run: inside,
    async end() {
      await outer.stop('SIGKILL')
    },
  }
}
