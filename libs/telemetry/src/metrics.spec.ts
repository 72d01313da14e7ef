import { collectProcessMetrics, counter, gauge, histogram, metrics } from './metrics.ts';

describe('a metric', () => {
  it('starts at zero for every combination of its labels', async () => {
    counter({ name: 'spec_parked_total', help: 'x', labels: { reason: ['poison', 'gap'], kind: ['a', 'b'] } });
    gauge({ name: 'spec_depth', help: 'x' });
    histogram({ name: 'spec_batch_seconds', help: 'x', labels: { step: ['read'] } });
    const text = await metrics.metrics();
    for (const reason of ['poison', 'gap']) {
      for (const kind of ['a', 'b']) expect(text).toContain(`spec_parked_total{reason="${reason}",kind="${kind}"} 0`);
    }
    expect(text).toContain('spec_depth 0');
    expect(text).toContain('spec_batch_seconds_count{step="read"} 0');
  });

  it('has no series yet if a label has values known only at run time', async () => {
    const lag = gauge({ name: 'spec_lag', help: 'x', labels: { topic: [] } });
    expect(await metrics.getSingleMetricAsString('spec_lag')).not.toContain('spec_lag{');
    lag.set({ topic: 'transport.order-events' }, 3);
    expect(await metrics.getSingleMetricAsString('spec_lag')).toContain('spec_lag{topic="transport.order-events"} 3');
  });

  it('is created once for each name', () => {
    const options = { name: 'spec_twice_total', help: 'x' };
    expect(counter(options)).toBe(counter(options));
  });

  it('is refused if it has too many series', () => {
    const values = Array.from({ length: 40 }, (_, index) => String(index));
    expect(() => counter({ name: 'spec_many_total', help: 'x', labels: { a: values, b: values } })).toThrow('1600 series');
  });

  it('can be set when it is read', async () => {
    let depth = 1;
    gauge({ name: 'spec_live', help: 'x', collect: (it) => it.set(depth) });
    depth = 7;
    expect(await metrics.getSingleMetricAsString('spec_live')).toContain('spec_live 7');
  });

  it('of the process itself is registered once, however often it is requested', async () => {
    collectProcessMetrics();
    collectProcessMetrics();
    expect(await metrics.metrics()).toContain('nodejs_eventloop_lag_seconds');
  });
});
