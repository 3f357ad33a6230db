import type { Command } from './command.ts'

/** `holdfast containerd …`: what is done with files of this machine, by whoever may write them. */
export const containerdCommands: readonly Command[] = [
  {
    name: 'containerd install',
    summary: 'send the containerd of this machine to the mirror',
    usage: '[REGISTRY…] [--fallback upstream|none|auto]',
    words: { min: 0, max: 1000 },
    description:
      'Writes a hosts.toml for each registry that is configured, or for those named; "_default" stands for every registry that has none ' +
      'of its own. containerd reads them with the next pull, without a restart, once its config_path names the directory. What was there ' +
      'before is kept aside once; `holdfast containerd uninstall` brings it back. A file that is not understood, or was changed since, ' +
      'is not touched unless forced; then nothing else is written either. Run it again whenever registries or the mirror change.\n\n' +
      'What stands behind the mirror:\n' +
      '  none: nobody. While Holdfast is down nothing is pulled; pull secrets of pods are not used.\n' +
      '  upstream: the registry itself. Pulls survive without Holdfast, but a node that starts while the uplink is frozen hangs in it.\n' +
      '  auto: nobody when the machine starts. While Holdfast runs and the registry is known to answer, the registry: the running node mounts ' +
      'another file over hosts.toml, and takes it away once the registry falls silent. Needs a node that may mount where containerd sees it; ' +
      'elsewhere auto is none, and status and check tell why.\n\n' +
      'K3s and RKE2 answer for each registry that their registries.yaml names, and write its hosts.toml anew at every start. For those the ' +
      'mirror becomes the first endpoint there, and the registry stands behind it unless K3s runs with ' +
      '--disable-default-registry-endpoint: neither none nor auto is to be had. All others get a hosts.toml, which K3s leaves alone.',
    options: [
      {
        name: 'fallback',
        value: 'upstream|none|auto',
        summary: 'what stands behind the mirror; by default containerd.fallback',
      },
      {
        name: 'target',
        value: 'URL[,URL…]',
        summary:
          'asked after the mirror: another way to a Holdfast, a NodePort say. Sends the token of mirror.tokenFile',
      },
      { name: 'prepend', summary: 'keep the hosts of a file that is there, after the mirror' },
      { name: 'force', summary: 'replace also what is not understood or was changed since' },
      { name: 'write', summary: 'K3s, RKE2: edit registries.yaml; without it the edit is shown' },
      {
        name: 'require-config-path',
        summary:
          'write nothing and fail, with the lines to add, where containerd would not read the files',
      },
    ],
    examples: [
      {
        line: 'holdfast containerd install --config /etc/holdfast/holdfast.yaml --fallback none',
        does: 'every configured registry, and nobody behind the mirror',
      },
      {
        line: 'holdfast containerd install docker.io --fallback upstream --prepend',
        does: 'one registry, with the mirrors it had after ours',
      },
    ],
    exitCodes: ['ok', 'usage', 'configInvalid', 'failed'],
    asks: false,
    load: () => import('./commands/containerd-install.ts'),
  },
  {
    name: 'containerd uninstall',
    summary: 'bring back what was there before `containerd install`',
    usage: '[--force]',
    words: { min: 0, max: 0 },
    description:
      'Puts every hosts.toml back as it was, byte for byte, and takes away what was not there. containerd asks the registries itself from ' +
      'the next pull on. A file that was changed since it was written is left alone unless forced.',
    options: [{ name: 'force', summary: 'give up changes that were made since' }],
    examples: [
      {
        line: 'holdfast containerd uninstall --config /etc/holdfast/holdfast.yaml',
        does: 'as if it had never been installed',
      },
    ],
    exitCodes: ['ok', 'usage', 'configInvalid', 'failed'],
    asks: false,
    load: () => import('./commands/containerd-uninstall.ts'),
  },
  {
    name: 'containerd alone',
    summary: 'take away what fallback auto has behind the mirror',
    usage: '',
    words: { min: 0, max: 0 },
    description:
      'The mirror is asked, and nobody behind it, from the next pull on and until `holdfast containerd install` is run again: also while a node ' +
      'with auto still runs. For who goes from auto to a node that may not take away what was mounted, as `helm rollback` does. With ' +
      'upstream and none there is nothing to do.',
    options: [],
    examples: [{ line: 'sudo holdfast containerd alone', does: 'on the machine of that node' }],
    exitCodes: ['ok', 'usage', 'configInvalid', 'failed'],
    asks: false,
    load: () => import('./commands/containerd-alone.ts'),
  },
  {
    name: 'containerd status',
    summary: 'show whom containerd asks for each registry',
    usage: '',
    words: { min: 0, max: 0 },
    description:
      'Reads the hosts.toml files as containerd would and shows for each configured registry whose file it is and who is asked, in order.',
    options: [],
    examples: [
      { line: 'holdfast containerd status', does: 'for people' },
      {
        line: 'holdfast containerd status -o json | jq -r \'.items[] | select(.owner != "holdfast") | .registry\'',
        does: 'what is not set up',
      },
    ],
    exitCodes: ['ok', 'usage', 'configInvalid', 'failed'],
    asks: false,
    load: () => import('./commands/containerd-status.ts'),
  },
  {
    name: 'containerd check',
    summary: 'tell whether pulls come through the mirror, and what to mend',
    usage: '[--skip-pull]',
    words: { min: 0, max: 0 },
    description:
      'Looks at containerd (its version, the config_path that it runs with or that its file names, layers that it drops, its transfer ' +
      'service, its socket and content directory), at the mirror and its ports, at the hosts.toml of each configured registry, and on K3s ' +
      'for registries that its embedded registry answers first. Then it pulls an image of 4 KB that the mirror makes for this once, under ' +
      'the name holdfast.check, by the way that pods take, and removes it. Needs to be root. Each finding comes with what to do.',
    options: [{ name: 'skip-pull', summary: 'pull nothing, and so write nothing' }],
    examples: [
      {
        line: 'holdfast containerd check --config /etc/holdfast/holdfast.yaml',
        does: 'after install, or when pulls go astray',
      },
      {
        line: 'holdfast containerd check -o json | jq -r \'.findings[] | select(.level == "fault") | .fix\'',
        does: 'for scripts',
      },
    ],
    exitCodes: ['ok', 'faulty', 'usage', 'configInvalid', 'failed'],
    asks: false,
    load: () => import('./commands/containerd-check.ts'),
  },
  {
    name: 'containerd print',
    summary: 'print what sends a program to the mirror, and write nothing',
    usage: '[REGISTRY…] [--for PROGRAM]',
    words: { min: 0, max: 1000 },
    description:
      'Prints each file with its place, for machines that are set up by other tools. podman and CRI-O ask the mirror by path, and read ' +
      'the same file; they have no entry that stands for every registry. Docker asks mirrors for docker.io alone and always goes on to ' +
      'it, which --fallback cannot change. With auto the files are those of none: what a running node mounts over them needs install.',
    options: [
      {
        name: 'for',
        value: 'PROGRAM',
        oneOf: ['containerd', 'podman', 'crio', 'docker'],
        summary: 'containerd, podman, crio or docker; containerd by default',
      },
      {
        name: 'fallback',
        value: 'upstream|none|auto',
        summary: 'what stands behind the mirror; by default containerd.fallback',
      },
      {
        name: 'target',
        value: 'URL[,URL…]',
        summary: 'asked after the mirror; for containerd with the token of mirror.tokenFile',
      },
    ],
    examples: [
      {
        line: 'holdfast containerd print --for podman -o json | jq -r .files[0].text > /etc/containers/registries.conf.d/50-holdfast.conf',
        does: 'for podman, CRI-O, Buildah and Skopeo',
      },
    ],
    exitCodes: ['ok', 'usage', 'configInvalid', 'failed'],
    asks: false,
    load: () => import('./commands/containerd-print.ts'),
  },
]
