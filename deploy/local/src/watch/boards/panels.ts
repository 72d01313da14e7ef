import type { Panel, Query } from './board.ts';

/** Queries as they are written: an expression, and the name of its series. */
type Asks = readonly (readonly [expr: string, legend: string])[];
type Look = Pick<Panel, 'unit' | 'runbook'> & Partial<Pick<Panel, 'bad' | 'words' | 'width' | 'mayBeEmpty'>>;

/**
 * In an expression `NS` stands for the board's namespace. The pattern is true of series without that label too: a fleet
 * outside Kubernetes has none.
 */
const inNamespace = (expr: string): string => expr.replaceAll(/\bNS\b/g, 'namespace=~"$namespace"');

const panel = (shows: Panel['shows'], width: number) => {
  return (title: string, description: string, look: Look, asks: Asks): Panel => ({
    title,
    description,
    shows,
    queries: asks.map(([expr, legend]): Query => ({ expr: inNamespace(expr), legend })),
    width,
    ...look,
  });
};

/** The newest value of each series. */
export const number = panel('number', 4);
/** Values over time. */
export const lines = panel('lines', 12);
/** A histogram over time. */
export const heatmap = panel('heatmap', 12);
/** The newest value of each series, one row each, with all its labels. */
export const table = panel('table', 12);

/** The p50 and p99 of a histogram, over all processes; by a label where one is given. */
export const quantiles = (histogram: string, by?: string): Asks =>
  [0.5, 0.99].map((quantile) => [
    `histogram_quantile(${quantile}, sum by (le${by === undefined ? '' : `, ${by}`}) (rate(${histogram}_bucket{NS}[$__rate_interval])))`,
    `p${quantile * 100}${by === undefined ? '' : ` {{${by}}}`}`,
  ]);
