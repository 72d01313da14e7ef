import type { Board, Panel } from './board.ts';
import type { Series } from './ask.ts';

/** A panel, and what Prometheus answered: its series, or why there are none. */
export interface Answered {
  readonly panel: Panel;
  readonly series: readonly Series[];
  readonly fault?: string;
}

const colours = ['#7eb26d', '#eab839', '#6ed0e0', '#ef843c', '#e24d42', '#1f78c1', '#ba43a9', '#705da0', '#508642', '#cca300'];
const size = { width: 560, height: 150 };

/** An HTML page that draws the boards as Grafana would, in outline: to look at them where there is no Grafana. */
export const pageOf = (answered: readonly { board: Board; panels: readonly Answered[] }[]): string => `<!doctype html>
<meta charset="utf-8"><title>TradeCore boards</title>
<style>
  body { font: 13px system-ui, sans-serif; background: #111217; color: #d8d9da; margin: 16px }
  section { display: grid; grid-template-columns: repeat(24, 1fr); gap: 8px; margin-bottom: 32px }
  h2, h2 + p { margin: 4px 0 }
  article { background: #181b1f; border: 1px solid #2c3235; border-radius: 3px; padding: 8px; overflow: hidden }
  article.fault { border-color: #e24d42 }
  h3 { font-size: 13px; margin: 0 0 4px } small { color: #8e8e8e } b { font-size: 26px; font-weight: 500; display: block }
  svg { width: 100%; height: ${size.height}px } ul { list-style: none; margin: 4px 0 0; padding: 0; max-height: 72px; overflow: auto }
  li::before { content: ''; display: inline-block; width: 10px; height: 3px; margin-right: 5px; vertical-align: middle; background: var(--colour) }
  li { display: inline-block; margin-right: 10px } td { padding: 0 10px 0 0 }
</style>
${answered.map(({ board, panels }) => `<h2 id="${board.uid}">${escaped(board.title)}</h2><p>${escaped(board.description)}</p><section>${panels.map(drawn).join('')}</section>`).join('\n')}
`;

const drawn = ({ panel, series, fault }: Answered): string => {
  const isEmpty = series.length === 0;
  const body = fault ?? (isEmpty ? 'No data' : bodies[panel.shows](panel, series));
  return `<article class="${fault !== undefined || (isEmpty && !panel.mayBeEmpty) ? 'fault' : ''}" style="grid-column: span ${panel.width}" title="${escaped(panel.description)}"><h3>${escaped(panel.title)} <small>${panel.unit}</small></h3>${body}</article>`;
};

const bodies: Record<Panel['shows'], (panel: Panel, series: readonly Series[]) => string> = {
  number: (panel, series) =>
    series
      .map(({ name, points }) => `<b>${escaped(valueIn(panel, points.at(-1)?.[1]))}</b><small>${escaped(name)}</small>`)
      .join(''),
  table: (panel, series) =>
    `<table>${series.map(({ name, points }) => `<tr><td>${escaped(name)}<td>${escaped(valueIn(panel, points.at(-1)?.[1]))}`).join('')}</table>`,
  lines: (panel, series) => linesOf(panel, series),
  heatmap: (panel, series) => linesOf(panel, series),
};

function linesOf(panel: Panel, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points.filter(([, value]) => Number.isFinite(value)));
  const [from, until] = [Math.min(...all.map(([at]) => at)), Math.max(...all.map(([at]) => at))];
  const top = Math.max(...all.map(([, value]) => value), 0) || 1;
  const x = (at: number) => (((at - from) / (until - from || 1)) * size.width).toFixed(1);
  const y = (value: number) => (size.height - 2 - (value / top) * (size.height - 6)).toFixed(1);
  const line = ({ points }: Series, index: number) =>
    `<polyline fill="none" stroke="${colours[index % colours.length]}" stroke-width="1.5" points="${points
      .filter(([, value]) => Number.isFinite(value))
      .map(([at, value]) => `${x(at)},${y(value)}`)
      .join(' ')}"/>`;
  const legend = series
    .map(
      ({ name, points }, index) =>
        `<li style="--colour: ${colours[index % colours.length]}">${escaped(name)} <small>${valueIn(panel, points.at(-1)?.[1])}</small>`,
    )
    .join('');
  return `<small>up to ${valueIn(panel, top)}</small><svg viewBox="0 0 ${size.width} ${size.height}" preserveAspectRatio="none">${series.map(line).join('')}</svg><ul>${legend}</ul>`;
}

/** The value in the panel's unit. */
function valueIn({ unit, words }: Panel, value = Number.NaN): string {
  const word = words?.[value];
  if (word !== undefined) return word;
  if (!Number.isFinite(value)) return '–';
  if (unit === 'percentunit') return `${(value * 100).toPrecision(4)} %`;
  if (unit === 's') return value < 1 ? `${(value * 1000).toPrecision(3)} ms` : `${value.toPrecision(3)} s`;
  if (unit === 'bytes') return `${(value / 2 ** 20).toFixed(1)} MiB`;
  return String(Number(value.toPrecision(4)));
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
