import { ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { rows } from './panels.ts'
import type { Panel } from './queries.ts'

const datasource = { type: 'prometheus', uid: '$datasource' }

/** The dashboard as Grafana imports it, built by its own types. */
export function toDashboard(): object {
  const builder = new DashboardBuilder('Holdfast')
    .uid('holdfast')
    .description(
      'Image mirrors that go on without an uplink: what they answer, from where, and what they hold.',
    )
    .tags(['holdfast'])
    .timezone('browser')
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
    .withVariable(
      new QueryVariableBuilder('instance')
        .label('Node')
        .datasource(datasource)
        .query('label_values(holdfast_build_info, instance)')
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .includeAll(true)
        .multi(true),
    )
  for (const { title, panels } of rows) {
    builder.withRow(new RowBuilder(title))
    for (const panel of panels) builder.withPanel(toPanel(panel))
  }
  return builder.build()
}

const lastValue = new ReduceDataOptionsBuilder().calcs(['lastNotNull'])

function toPanel({
  title,
  description,
  unit,
  queries,
  isStat,
}: Panel): StatBuilder | TimeSeriesBuilder {
  const panel = isStat
    ? new StatBuilder().span(6).height(4).reduceOptions(lastValue)
    : new TimeSeriesBuilder().span(8).height(8)
  panel.title(title).description(description).unit(unit).datasource(datasource)
  for (const [place, { expr, legend }] of queries.entries()) {
    const refId = String.fromCharCode('A'.charCodeAt(0) + place)
    panel.withTarget(new DataqueryBuilder().refId(refId).expr(expr).legendFormat(legend))
  }
  return panel
}
