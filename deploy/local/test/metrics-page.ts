import type { Declaration } from '@tradecore/telemetry';

/** A metric and the file that declares it, from the root. */
export interface Declared extends Declaration {
  readonly path: string;
}

const head = `# Metrics

Every metric of our own, on \`/metrics\` of each service's admin port, as OpenMetrics 1.0. \`process_*\` and \`nodejs_*\` beside them are those of the
Node.js process. This page is made from the code: \`UPDATE_GOLDEN=1 npm test -- deploy/local/test/metrics\` writes it, \`npm test\` fails when it differs.

Names and labels are fixed. A label with its values in braces begins at zero for each of them; the values of one without are known at run time, and never
an id of an order or account. *Series*: of one process, at most; a histogram has one of each for each of its buckets too. The gauges of
[fleet.metrics.ts](../services/reconciler/src/fleet/fleet.metrics.ts) speak of the whole fleet and are shown by each instance of the reconciler: take the \`max by\`,
not the sum. Histograms of seconds carry the trace of an observation as an exemplar.

| name | type | unit | labels | meaning | series | declared in |
|---|---|---|---|---|---|---|
`;

/** The page, without its rows' order being anyone's choice. */
export const metricsPageOf = (declared: readonly Declared[]): string =>
  head +
  declared
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map((each) => `| ${cellsOf(each).join(' | ')} |\n`)
    .join('');

function cellsOf({ name, type, labels, help, atMost, path }: Declared): string[] {
  const named = Object.entries(labels).map(
    ([label, values]) => `\`${label}\`${values.length > 0 ? ` {${values.join(', ')}}` : ''}`,
  );
  const file = `[${path.split('/').slice(1, 2).join('')}](../${path})`;
  return [`\`${name}\``, type, unitOf(name), named.join('; '), help, String(atMost), file];
}

function unitOf(name: string): string {
  if (/_timestamp_seconds$/.test(name)) return 'seconds since 1970';
  return /_seconds(_total)?$/.test(name) ? 'seconds' : 'number';
}
