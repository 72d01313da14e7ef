import type { Panel } from './board.ts';

/** One series of a result: its name as the legend says, its labels, its points (seconds since 1970, value). */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly (readonly [at: number, value: number])[];
}

/** Over how many seconds lines are asked, in how many points. */
export interface Range {
  readonly seconds: number;
  readonly step: number;
}

const timeoutMs = 10_000;

/** Four scrapes, the least that Grafana would take. */
const rateInterval = '1m';

/**
 * Asks Prometheus what Grafana would ask for this panel, for all namespaces. Throws with Prometheus's words when a
 * query does not parse.
 */
export async function askPanel(prometheus: string, panel: Panel, range: Range): Promise<Series[]> {
  const isOverTime = panel.shows === 'lines' || panel.shows === 'heatmap';
  const results = panel.queries.map(async ({ expr, legend }) => {
    const query = expr.replaceAll('$namespace', '.*').replaceAll('$__rate_interval', rateInterval);
    const end = Date.now() / 1000;
    const time = isOverTime ? { start: end - range.seconds, end, step: range.step } : { time: end };
    return (await ask(`${prometheus}/api/v1/query${isOverTime ? '_range' : ''}`, { query, ...time })).map(
      ({ metric, value, values }): Series => ({
        name: legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
        labels: metric,
        points: (values ?? (value ? [value] : [])).map(([at, text]) => [at, Number(text)] as const),
      }),
    );
  });
  return (await Promise.all(results)).flat();
}

/** A series in the form of Prometheus's HTTP API. */
interface Found {
  readonly metric: Record<string, string>;
  readonly value?: [number, string];
  readonly values?: [number, string][];
}

async function ask(url: string, parameters: Readonly<Record<string, string | number>>): Promise<Found[]> {
  const form = new URLSearchParams(Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]));
  const response = await fetch(url, { method: 'POST', body: form, signal: AbortSignal.timeout(timeoutMs) });
  const answer = (await response.json()) as { status: string; error?: string; data: { result: Found[] } };
  if (answer.status !== 'success') throw new Error(`${parameters['query']}: ${answer.error}`);
  return answer.data.result;
}
