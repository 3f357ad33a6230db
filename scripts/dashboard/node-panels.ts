import { gauge, type Row, rate } from './queries.ts'

/** Of each node: its disk, its neighbours, its clock. */
export const nodeRows: readonly Row[] = [
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
    title: 'Mesh, clock and condition',
    panels: [
      {
        title: 'Nodes by what is worse than it should be',
        description: 'All reasons. /readyz of a node tells the details.',
        unit: 'none',
        queries: [
          { expr: `sum by (reason) (${gauge('holdfast_degraded')})`, legend: '{{reason}}' },
        ],
      },
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
