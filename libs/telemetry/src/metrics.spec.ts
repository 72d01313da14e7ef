import { runInContext } from './context.ts';
import { collectProcessMetrics, counter, declaredMetrics, gauge, histogram, metricsPage, setWhenRead } from './metrics.ts';
import { openMetricsFaults } from './open-metrics.ts';

const lines = async (name: string): Promise<string[]> =>
  (await metricsPage()).split('\n').filter((line) => line.startsWith(name));

describe('a metric', () => {
  it('starts at zero for every combination of its labels', async () => {
    counter({ name: 'tradecore_spec_parked_total', help: 'x', labels: { reason: ['poison', 'gap'], kind: ['a', 'b'] } });
    gauge({ name: 'tradecore_spec_depth', help: 'x' });
    histogram({ name: 'tradecore_spec_batch_seconds', help: 'x', labels: { step: ['read'] } });
    const text = await metricsPage();
    for (const reason of ['poison', 'gap']) {
      for (const kind of ['a', 'b']) expect(text).toContain(`tradecore_spec_parked_total{reason="${reason}",kind="${kind}"} 0`);
    }
    expect(text).toContain('tradecore_spec_depth 0');
    expect(text).toContain('tradecore_spec_batch_seconds_count{step="read"} 0');
  });

  it('has no series yet if a label has values known only at run time', async () => {
    const lag = gauge({ name: 'tradecore_spec_lag', help: 'x', labels: { topic: [] }, atMost: 3 });
    expect(await lines('tradecore_spec_lag')).toEqual([]);
    lag.set({ topic: 'transport.order-events' }, 3);
    expect(await lines('tradecore_spec_lag')).toEqual(['tradecore_spec_lag{topic="transport.order-events"} 3']);
  });

  it('is declared once, and a counter and a gauge of one name are one family', () => {
    counter({ name: 'tradecore_spec_twice_total', help: 'x' });
    expect(() => counter({ name: 'tradecore_spec_twice_total', help: 'x' })).toThrow('already been registered');
    expect(() => gauge({ name: 'tradecore_spec_twice', help: 'x' })).toThrow('already been registered');
  });

  it('is refused if it has too many series, or no bound', () => {
    const values = Array.from({ length: 40 }, (_, index) => String(index));
    expect(() => counter({ name: 'tradecore_spec_many_total', help: 'x', labels: { a: values, b: values } })).toThrow(
      '1600 series',
    );
    expect(() => gauge({ name: 'tradecore_spec_any', help: 'x', labels: { a: [] } })).toThrow('"atMost"');
  });

  it('can be set when it is read', async () => {
    const live = gauge({ name: 'tradecore_spec_live', help: 'x' });
    let depth = 1;
    setWhenRead(live, () => {
      live.set(depth);
    });
    depth = 7;
    expect(await lines('tradecore_spec_live')).toEqual(['tradecore_spec_live 7']);
  });

  it('of time shows the trace that took it, where the trace is sampled', async () => {
    const took = histogram({ name: 'tradecore_spec_took_seconds', help: 'x', labels: { of: ['a'] }, buckets: [1, 2] });
    const within = (sampled: string, seconds: number) =>
      runInContext({ correlationId: 'c', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-${sampled}` }, () =>
        took.observe({ of: 'a' }, seconds),
      );
    within('01', 1.5);
    within('00', 0.5);
    expect(await lines('tradecore_spec_took_seconds_bucket')).toEqual([
      'tradecore_spec_took_seconds_bucket{le="1.0",of="a"} 1',
      expect.stringMatching(
        /^tradecore_spec_took_seconds_bucket\{le="2\.0",of="a"\} 2 # \{trace_id="a{32}",span_id="b{16}"\} 1\.5 \d+(\.\d+)?$/,
      ),
      'tradecore_spec_took_seconds_bucket{le="+Inf",of="a"} 2',
    ]);
  });

  it('is listed as it was declared', () =>
    expect(declaredMetrics()).toContainEqual({
      name: 'tradecore_spec_parked_total',
      type: 'counter',
      help: 'x',
      labels: { reason: ['poison', 'gap'], kind: ['a', 'b'] },
      atMost: 4,
    }));

  it('stands on a page of OpenMetrics, beside those of the process', async () => {
    collectProcessMetrics();
    collectProcessMetrics();
    expect(await lines('nodejs_eventloop_lag_seconds')).toHaveLength(1);
    expect(openMetricsFaults(await metricsPage())).toEqual([]);
  });
});
