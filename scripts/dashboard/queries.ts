/** One line, or one for each set of labels. `legend` is a template of Grafana's over the labels. */
interface Query {
  readonly expr: string
  readonly legend: string
}

export interface Panel {
  readonly title: string
  readonly description: string
  /** As Grafana names units. Source: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts */
  readonly unit: string
  readonly queries: readonly Query[]
  /** One number and not its course. */
  readonly isStat?: true
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

/** Nodes that are looked at: a variable of the dashboard. */
export const nodes = 'instance=~"$instance"'

/** Per second, summed over all labels but `by`. */
export const rate = (metric: string, labels: string, by: string): string =>
  `sum by (${by}) (rate(${metric}{${[nodes, labels].filter(Boolean).join(',')}}[$__rate_interval]))`

/** So much of a histogram's share is at or below it, in the histogram's unit. */
export const quantile = (share: number, metric: string, by: string): string =>
  `histogram_quantile(${share}, ${rate(`${metric}_bucket`, '', ['le', by].filter(Boolean).join(', '))})`

/** As it is. */
export const gauge = (metric: string, labels = ''): string =>
  `${metric}{${[nodes, labels].filter(Boolean).join(',')}}`
