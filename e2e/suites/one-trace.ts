import type { Span } from '@tradecore/telemetry/testing';
import { isDenial, type Client } from '@tradecore/local/demo/client.ts';
import { readTopic, type TopicRecord } from '../comparison/topic.ts';
import { StreamClient } from '../trading/stream-client.ts';
import { depositInFeed } from '../world.ts';
import { newTrader, type Stage } from './stage.ts';

/** The client's traces: of a denied order and of a filled one, and the client's own parent span. */
const traceId = '7ade'.repeat(8);
const wholeTraceId = 'f111'.repeat(8);
const clientSpan = 'c11e'.repeat(4);

/** Whether a request is one trace from the client to the last row that it caused. */
export function oneTrace(stage: Stage): void {
  let client: Client;
  let account: string;
  let orderId: string;
  let record: TopicRecord | undefined;

  /** Buys some ACME under a trace. */
  const buy = (trace: string, quantity: string) =>
    client.ask<{ id: string }>('POST', '/v1/orders', {
      headers: { traceparent: `00-${trace}-${clientSpan}-01` },
      body: {
        accountId: account,
        clientOrderId: trace,
        ...{ symbol: 'ACME', side: 'buy', type: 'market' },
        quantity,
        timeInForce: 'day',
      },
    });

  beforeAll(async () => {
    ({ client, account } = await newTrader(stage, 'traced', '1000'));
    // Changes that wait for the feed at the same moment share a transaction, and its SQL is traced with the first of
    // them.
    await depositInFeed(stage.world, account);
    const answer = await buy(traceId, '100000');
    expect(isDenial(answer)).toBe(true);
    orderId = answer.headers.get('location')?.split('/').at(-1) ?? '';
    await stage.world.until('the record', async () => {
      const records = await readTopic(stage.world.namespace, 'transport.order-events');
      record = records.find(({ key }) => key === orderId);
      return record !== undefined;
    });
    // A span is sent after its children.
    await stage.world.until(
      'the spans of the request and of both batches',
      () =>
        spansOf('command-api').some(({ parentSpanId }) => parentSpanId === clientSpan) &&
        ['order-projector', 'feed-projector'].every((service) => spansOf(service).some(({ name }) => name.endsWith('batch'))),
    );
  }, 60_000);

  const spansOf = (service: string): Span[] =>
    stage.collector.spans.filter((span) => span.service === service && span.traceId === traceId);

  it('is the client’s: the request is a child of the client’s span, the SQL that stores the event a child of the request', () => {
    const spans = spansOf('command-api');
    const request = spans.find(({ parentSpanId }) => parentSpanId === clientSpan);
    expect(request).toMatchObject({ name: expect.stringMatching(/^POST/) });
    expect(spans.filter(({ sql }) => sql?.includes('append_events'))).toEqual([
      expect.objectContaining({ parentSpanId: request?.spanId }),
    ]);
  });

  it('is in the record: its header names the request that caused the event', () => {
    const request = spansOf('command-api').find(({ parentSpanId }) => parentSpanId === clientSpan);
    expect(record).toMatchObject({ key: orderId, version: 1, traceparent: `00-${traceId}-${request?.spanId}-01` });
  });

  it.each([
    ['order-projector', 'insert into "order_projector"."orders"'],
    ['feed-projector', 'insert into "feed_projector"."feed_entries"'],
  ])('continues in the %s: its batch is a child of the request, its SQL a child of the batch', (service, statement) => {
    const request = spansOf('command-api').find(({ parentSpanId }) => parentSpanId === clientSpan);
    const spans = spansOf(service);
    const batch = spans.find(({ parentSpanId }) => parentSpanId === request?.spanId);
    expect(batch?.name).toMatch(/batch$/);
    const statements = spans.filter(({ sql }) => sql !== undefined);
    expect(statements.filter(({ sql }) => sql?.includes(statement))).toHaveLength(1);
    expect(new Set(statements.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([batch?.spanId]));
  });

  it('follows an order to its end: through API, relay, saga, gateway, brokerage, every read model, notice and stream', async () => {
    const stream = new StreamClient(stage.world.address, account, client.authorization);
    await stream.subscribed;
    const { body } = await buy(wholeTraceId, '1');
    await client.orderWhen(body.id, ({ status }) => status === 'filled', 30_000);
    const steps = [
      ...['command-api POST', 'outbox-relay outbox-relay batch', 'order-saga order-saga batch'],
      ...['broker-gateway broker-gateway batch', 'broker-gateway broker-gateway work', 'broker-gateway brokerage submit'],
      ...['order', 'account', 'position', 'feed'].map((model) => `${model}-projector ${model}-projector batch`),
      ...['notifier notifier batch', 'query-api stream push'],
    ];
    const seen = () => {
      const spans = stage.collector.spans.filter((span) => span.traceId === wholeTraceId);
      return new Set(spans.map(({ service, name }) => `${service} ${name.split(' /', 1)[0]}`));
    };
    await stage.world
      .until('a span of each step', () => steps.every((step) => seen().has(step)), 60_000)
      .catch((error: unknown) => expect([error, ...seen()]).toEqual(steps));
    stream.close();
    const { rows } = await stage.world.database.query<{ traces: number; events: number }>(
      `select count(distinct substr(metadata->>'traceparent', 4, 32))::int as traces, count(*)::int as events
         from event_store where correlation_id = (select correlation_id from event_store where aggregate_id = $1 limit 1)`,
      [body.id],
    );
    expect(rows[0]).toMatchObject({ traces: 1 });
    // A straightforward order has 10 events; one whose first answer was lost has a few more.
    expect(rows[0]?.events).toBeGreaterThanOrEqual(10);
    expect(rows[0]?.events).toBeLessThanOrEqual(12);
  }, 90_000);
}
