import { gauge, nodes, type Panel, quantile, rate } from './queries.ts'

/** What is on the dashboard, row by row. Every expression is asked of a real Prometheus by the tests. */
export const rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[] = [
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
        description: 'Reasons on all nodes. /readyz of a node tells the details.',
        unit: 'none',
        isStat: true,
        queries: [{ expr: `sum(${gauge('holdfast_degraded')})`, legend: 'reasons' }],
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
  {
    title: 'Store and containerd',
    panels: [
      {
        title: 'Store',
        description: 'Bytes of whole blobs.',
        unit: 'bytes',
        queries: [{ expr: gauge('holdfast_store_bytes'), legend: '{{instance}}' }],
      },
      {
        title: 'Disk used',
        description: 'Of the file system that the store lies on.',
        unit: 'percentunit',
        queries: [
          {
            expr: `1 - ${gauge('holdfast_store_free_bytes')} / ${gauge('holdfast_store_total_bytes')}`,
            legend: '{{instance}}',
          },
        ],
      },
      {
        title: 'Dropped to make room',
        description: 'Bytes that collections freed.',
        unit: 'Bps',
        queries: [
          { expr: rate('holdfast_gc_dropped_bytes_total', '', 'instance'), legend: '{{instance}}' },
        ],
      },
      {
        title: 'Damaged blobs',
        description: 'Found since the start of the node; they are in quarantine.',
        unit: 'none',
        queries: [{ expr: gauge('holdfast_scrub_damaged_blobs'), legend: '{{instance}}' }],
      },
      {
        title: 'containerd',
        description: 'The state it is in, where somebody looks into it.',
        unit: 'none',
        queries: [
          {
            expr: `sum by (state) (${gauge('holdfast_containerd_state')})`,
            legend: '{{state}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Mesh and clock',
    panels: [
      {
        title: 'Other nodes, by state',
        description: 'As each node sees them.',
        unit: 'none',
        queries: [
          {
            expr: `max by (state) (${gauge('holdfast_mesh_members')})`,
            legend: '{{state}}',
          },
        ],
      },
      {
        title: 'Neighbours',
        description: 'Nodes that are directly connected.',
        unit: 'none',
        queries: [{ expr: gauge('holdfast_mesh_neighbours'), legend: '{{instance}}' }],
      },
      {
        title: 'Since the ledgers were last equal',
        description: 'To one other node; -1 before the first time.',
        unit: 's',
        queries: [
          { expr: gauge('holdfast_sync_last_convergence_seconds'), legend: '{{instance}}' },
        ],
      },
      {
        title: 'Clock',
        description:
          'What is added to the clock of the machine, and the largest difference to another node.',
        unit: 's',
        queries: [
          { expr: gauge('holdfast_clock_offset_seconds'), legend: 'offset of {{instance}}' },
          { expr: gauge('holdfast_mesh_clock_skew_seconds'), legend: 'skew of {{instance}}' },
        ],
      },
      {
        title: 'Memory',
        description: 'Resident, of the process.',
        unit: 'bytes',
        queries: [
          {
            expr: `${gauge('process_resident_memory_bytes')} and on (instance, job) holdfast_build_info`,
            legend: '{{instance}}',
          },
        ],
      },
    ],
  },
]
