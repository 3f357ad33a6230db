import { nodeRows } from './node-panels.ts'
import { gauge, nodes, quantile, type Row, rate } from './queries.ts'

/** What is on the dashboard, row by row. Every expression is asked of a real Prometheus by the tests. */
export const rows: readonly Row[] = [
  {
    title: 'At a glance',
    panels: [
      {
        title: 'Nodes',
        description: 'Nodes that are scraped.',
        unit: 'none',
        isStat: true,
        queries: [{ expr: `count(${gauge('holdfast_build_info')})`, legend: 'nodes' }],
      },
      {
        title: 'Worse than it should be',
        description:
          'Reasons on all nodes; /readyz of a node tells the details. clock_unverified does not count: it stays where no registry is asked over TLS.',
        unit: 'none',
        isStat: true,
        queries: [
          {
            expr: `sum(${gauge('holdfast_degraded', 'reason!="clock_unverified"')})`,
            legend: 'reasons',
          },
        ],
      },
      {
        title: 'Kept images that would not start',
        description: 'Not ready by the last offline report of any node: `holdfast report`.',
        unit: 'none',
        isStat: true,
        queries: [
          {
            expr: `max(${gauge('holdfast_report_images', 'verdict="not-ready"')})`,
            legend: 'not ready',
          },
        ],
      },
      {
        title: 'Oldest answer, 99 of 100',
        description:
          'How long ago the owner of a tag confirmed what was answered in the last hour.',
        unit: 's',
        isStat: true,
        queries: [
          {
            expr: `histogram_quantile(0.99, sum by (le) (increase(holdfast_stale_answer_age_seconds_bucket{${nodes}}[1h])))`,
            legend: 'age',
          },
        ],
      },
    ],
  },
  {
    title: 'Answers',
    panels: [
      {
        title: 'Tags answered, by who answered',
        description: 'upstream: fresh. ledger, history, asked: from memory. none: a 404.',
        unit: 'reqps',
        queries: [{ expr: rate('holdfast_resolutions_total', '', 'source'), legend: '{{source}}' }],
      },
      {
        title: 'Failures of registries behind answers',
        description: 'How a registry failed while a tag was answered.',
        unit: 'reqps',
        queries: [
          {
            expr: rate('holdfast_resolutions_total', 'failure!="none"', 'failure'),
            legend: '{{failure}}',
          },
        ],
      },
      {
        title: 'Time to an answer',
        description: 'From the question for a tag to its answer.',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'holdfast_resolve_duration_seconds', ''), legend: 'half' },
          { expr: quantile(0.99, 'holdfast_resolve_duration_seconds', ''), legend: '99 of 100' },
        ],
      },
      {
        title: 'Age of answers from memory',
        description: 'Since the owner of the tag last confirmed them.',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'holdfast_stale_answer_age_seconds', ''), legend: 'half' },
          { expr: quantile(0.99, 'holdfast_stale_answer_age_seconds', ''), legend: '99 of 100' },
        ],
      },
      {
        title: 'Requests to the mirror, by status',
        description: 'Manifests and blobs.',
        unit: 'reqps',
        queries: [
          {
            expr: rate('holdfast_mirror_requests_total', '', 'kind, status'),
            legend: '{{kind}} {{status}}',
          },
        ],
      },
      {
        title: 'Requests by another way',
        description:
          'They came by a further endpoint of hosts.toml, such as a NodePort: the instance of that node was away.',
        unit: 'reqps',
        queries: [
          {
            expr: rate('holdfast_mirror_target_requests_total', '', 'target'),
            legend: 'endpoint {{target}}',
          },
          { expr: rate('holdfast_mirror_requests_total', '', ''), legend: 'all' },
        ],
      },
    ],
  },
  {
    title: 'Registries and the uplink',
    panels: [
      {
        title: 'Endpoints that are not asked',
        description: 'Their breaker is open: they are known to be down.',
        unit: 'none',
        queries: [
          {
            expr: `sum by (instance, registry) (${gauge('holdfast_breaker_endpoints', 'state="open"')})`,
            legend: '{{registry}} on {{instance}}',
          },
        ],
      },
      {
        title: 'Questions to registries, by outcome',
        description: 'Of all kinds.',
        unit: 'reqps',
        queries: [
          { expr: rate('holdfast_upstream_requests_total', '', 'outcome'), legend: '{{outcome}}' },
        ],
      },
      {
        title: "Time to a registry's answer",
        description: 'Or to the head of a blob; failures included.',
        unit: 's',
        queries: [
          {
            expr: quantile(0.99, 'holdfast_upstream_request_duration_seconds', 'kind'),
            legend: '{{kind}}, 99 of 100',
          },
        ],
      },
      {
        title: 'Bytes in, by where they came from',
        description: 'From registries and from other nodes.',
        unit: 'Bps',
        queries: [
          { expr: rate('holdfast_bytes_total', 'direction="in"', 'source'), legend: '{{source}}' },
        ],
      },
      {
        title: 'Bytes to clients, by where they came from',
        description: 'store: held here. flight: read along with a download.',
        unit: 'Bps',
        queries: [
          { expr: rate('holdfast_bytes_total', 'direction="out"', 'source'), legend: '{{source}}' },
        ],
      },
      {
        title: 'Bytes to clients, by path',
        description:
          'local: by the first endpoint of hosts.toml, which is the instance of their own node, or without a hosts.toml. further: by another one, such as a NodePort.',
        unit: 'Bps',
        queries: [
          { expr: rate('holdfast_bytes_total', 'direction="out"', 'path'), legend: '{{path}}' },
        ],
      },
    ],
  },
  {
    title: 'What must stay available',
    panels: [
      {
        title: 'Kept images, by the last offline report',
        description: 'As the node sees it that finds the most of a verdict.',
        unit: 'none',
        queries: [
          {
            expr: `max by (verdict) (${gauge('holdfast_report_images')})`,
            legend: '{{verdict}}',
          },
        ],
      },
      {
        title: 'Kept images, by copies',
        description: 'How many nodes hold all of them; 3: three or more.',
        unit: 'none',
        queries: [
          {
            expr: `max by (copies) (${gauge('holdfast_report_image_copies')})`,
            legend: '{{copies}} copies',
          },
        ],
      },
      {
        title: 'Kept images, by node',
        description: 'lacking: this node is to hold it and does not yet.',
        unit: 'none',
        queries: [
          {
            expr: gauge('holdfast_kept_images', 'state!="elsewhere"'),
            legend: '{{state}} on {{instance}}',
          },
        ],
      },
    ],
  },
  ...nodeRows,
]
