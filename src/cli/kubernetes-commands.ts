import type { Command } from './command.ts'

/** `holdfast kubernetes …`: what the chart's hooks do beside the nodes. */
export const kubernetesCommands: readonly Command[] = [
  {
    name: 'kubernetes wait',
    summary: 'wait until a DaemonSet has done its work on every ready node',
    usage: 'DAEMONSET [--namespace NAME] [--within DURATION] [--give-up-after DURATION]',
    words: { min: 1, max: 1 },
    description:
      'For a DaemonSet whose pods do one thing and end, as that which the chart takes containerd back with. Done is a node on which the ' +
      'program ended without a fault, once. Nodes that are not ready are named and not waited for; --later tells what to run for them, and ' +
      'for those that did not get there in time. Asks the API server as the pod that it runs in may, or by a kubeconfig.',
    options: [
      { name: 'namespace', value: 'NAME', summary: 'of the DaemonSet; "default" by default' },
      { name: 'within', value: 'DURATION', summary: 'how long at most, 5m by default' },
      {
        name: 'give-up-after',
        value: 'DURATION',
        summary: 'ends once every node that is not done failed, or could not start it, for so long',
      },
      {
        name: 'later',
        value: 'COMMAND',
        summary: 'told for nodes that are not done; $node in it is the node',
      },
      { name: 'kubeconfig', value: 'FILE', summary: 'in the place of the service account' },
    ],
    examples: [
      {
        line: 'holdfast kubernetes wait holdfast-uninstall --namespace kube-system --within 4m',
        does: 'until containerd is as it was on every node that is ready',
      },
    ],
    exitCodes: ['ok', 'usage', 'failed'],
    asks: false,
    load: () => import('./commands/kubernetes-wait.ts'),
  },
]
