import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  MappingType,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  type Dashboard,
  type Panel as GrafanaPanel,
  type Threshold,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { PanelBuilder as HeatmapPanel } from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as NumberPanel } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as LinesPanel } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Board, Panel, Query } from './board.ts';
import { runbooks } from '../alerts/rules.ts';

/** Every board has it: the dropdown that leads from one to the others lists this tag. */
const tag = 'tradecore';
const prometheus = { type: 'prometheus', uid: '${datasource}' };
const heights = { number: 4, lines: 8, heatmap: 8, table: 8 } as const;

/**
 * Grafana's JSON of a board, in the classic form: provisioning and the sidecar of Grafana's chart read it from
 * Grafana 9 on, the newer form (dashboard v2) only from 12 on.
 */
export function dashboardOf({ uid, title, description, rows }: Board): Dashboard {
  const dashboard = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([tag])
    .readonly()
    .timezone('browser')
    .refresh('10s')
    .time({ from: 'now-30m', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder('Boards')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .variables([
      new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
      new QueryVariableBuilder('namespace')
        .label('Namespace')
        .datasource(prometheus)
        .query('label_values(tradecore_build_info, namespace)')
        .refresh(VariableRefresh.OnTimeRangeChanged)
        // `.*` is true of series without the label too: a fleet outside Kubernetes has none.
        .includeAll(true)
        .allValue('.*')
        .current({ text: 'All', value: '$__all' }),
    ]);
  let id = 0;
  for (const row of rows) {
    dashboard.withRow(new RowBuilder(row.title).id((id += 1)));
    for (const panel of row.panels) dashboard.withPanel({ build: () => panelOf(panel, (id += 1)) });
  }
  return dashboard.build();
}

function panelOf(panel: Panel, id: number): GrafanaPanel {
  const made = shapeOf(panel)
    .id(id)
    .title(panel.title)
    .description(panel.description)
    .datasource(prometheus)
    .unit(panel.unit)
    .height(heights[panel.shows])
    .span(panel.width)
    .mappings(mappingsOf(panel))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(thresholdsOf(panel)))
    .links([new DashboardLinkBuilder(`Runbook: ${panel.runbook}`).url(`${runbooks}/${panel.runbook}`).targetBlank(true)]);
  panel.queries.forEach((query, index) => made.withTarget(targetOf(panel, query, String.fromCharCode(65 + index))));
  return made.build();
}

/** The builder of what the panel shows, with what only this kind knows. */
function shapeOf({ shows, bad }: Panel) {
  switch (shows) {
    case 'number':
      return new NumberPanel()
        .colorMode(bad ? BigValueColorMode.Background : BigValueColorMode.None)
        .graphMode(BigValueGraphMode.Area)
        .textMode(BigValueTextMode.ValueAndName)
        .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
    case 'lines':
      return new LinesPanel().fillOpacity(8).min(0);
    case 'heatmap':
      return new HeatmapPanel();
    case 'table':
      return new TablePanel().withTransformation({ id: 'organize', options: { excludeByName: { Time: true } } });
  }
}

function targetOf({ shows }: Panel, { expr, legend }: Query, refId: string): DataqueryBuilder {
  const target = new DataqueryBuilder().refId(refId).datasource(prometheus).expr(expr).legendFormat(legend);
  if (shows === 'table') return target.instant().format(PromQueryFormat.Table);
  if (shows === 'number') return target.instant();
  return target
    .range()
    .exemplar(true)
    .format(shows === 'heatmap' ? PromQueryFormat.Heatmap : PromQueryFormat.TimeSeries);
}

const mappingsOf = ({ words }: Panel): ValueMapping[] =>
  words === undefined
    ? []
    : [
        {
          type: MappingType.ValueToText,
          options: Object.fromEntries(Object.entries(words).map(([value, text]) => [value, { text }])),
        },
      ];

/** Grafana colours from each step upwards; its first step has no value. */
function thresholdsOf({ bad }: Panel): Threshold[] {
  if (bad === undefined) return [{ value: null, color: 'green' }];
  const { yellow, red } = bad;
  if (yellow === undefined)
    return [
      { value: null, color: 'green' },
      { value: red, color: 'red' },
    ];
  return yellow < red
    ? [
        { value: null, color: 'green' },
        { value: yellow, color: 'yellow' },
        { value: red, color: 'red' },
      ]
    : [
        { value: null, color: 'red' },
        { value: red, color: 'yellow' },
        { value: yellow, color: 'green' },
      ];
}
