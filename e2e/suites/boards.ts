import { readFileSync } from 'node:fs';
import { answered, faultsOf, prometheusOf } from '../drill/boards.ts';
import type { Stage } from './stage.ts';

type Series = Readonly<Record<string, string>>;

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-/;

/** By name: how many series a process has of a metric at most, as docs/metrics.md says. */
function limitsOnPage(): ReadonlyMap<string, number> {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = page.matchAll(/^\| `(tradecore_\w+)` \| (\w+) \|.*\| (\d+) \| \[/gm);
  return new Map([...rows].map(([, name = '', type, limit]) => [type === 'histogram' ? `${name}_count` : name, Number(limit)]));
}

/** The boards and the metrics under them, beside a fleet that has traded for over a minute. */
export function watching(stage: Stage): void {
  it('shows data in every panel of every board', async () => {
    expect(faultsOf(await answered(stage.world))).toEqual([]);
  }, 60_000);

  it('has no more series of a metric than its page says, and none of a single order or account', async () => {
    const query = new URLSearchParams({ 'match[]': '{__name__=~"tradecore_.+"}' });
    const answer = await fetch(`${prometheusOf(stage.world)}/api/v1/series?${query}`);
    const { data: all } = (await answer.json()) as { data: Series[] };
    const limits = limitsOnPage();
    const known = all.filter(({ __name__: name = '' }) => limits.has(name));
    const counts = Map.groupBy(known, ({ __name__: name, instance }) => `${name} of ${instance}`);
    const over = [...counts].filter(([, { length, 0: first }]) => length > (limits.get(first?.['__name__'] ?? '') ?? 0));
    expect(over.map(([what, { length }]) => `${what}: ${length}`)).toEqual([]);
    expect(new Set(known.map(({ __name__: name }) => name)).size).toBeGreaterThan(100);
    expect(all.filter((series) => Object.values(series).some((value) => uuid.test(value)))).toEqual([]);
  });
}
