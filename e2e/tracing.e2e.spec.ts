import { randomUUID } from 'node:crypto';
import { startCollector, type Collector, type Span } from '@tradecore/telemetry/testing';
import type { OrderSeen } from '../deploy/local/src/demo/client.ts';
import { readTopic, type TopicRecord } from './topic.ts';
import { startWorldWith, type World } from './world.ts';

/** What the client began: the trace, and the step in it that asks. */
const traceId = '7ade'.repeat(8);
const clientSpan = 'c11e'.repeat(4);

describe('one trace', () => {
  let collector: Collector;
  let world: World;
  let orderId: string;
  let record: TopicRecord | undefined;

  beforeAll(async () => {
    collector = await startCollector();
    world = await startWorldWith(collector.env);
    const accountId = randomUUID();
    const response = await fetch(`${world.address}/v1/orders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await world.token(accountId)}`,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${clientSpan}-01`,
      },
      body: JSON.stringify({
        accountId,
        clientOrderId: 'traced',
        symbol: 'ACME',
        side: 'buy',
        type: 'market',
        quantity: '1',
        timeInForce: 'day',
      }),
    });
    expect(response.status).toBe(201);
    ({ id: orderId } = (await response.json()) as { id: string });
    await world.until('the record', async () => {
      const records = await readTopic(world.namespace, 'transport.order-events');
      record = records.find(({ key }) => key === orderId);
      return record !== undefined;
    });
    // A step's span is sent after those below it.
    await world.until(
      'the spans of the request and of both batches',
      () =>
        spansOf('command-api').some(({ parentSpanId }) => parentSpanId === clientSpan) &&
        ['order-projector', 'feed-projector'].every((service) => spansOf(service).some(({ name }) => name.endsWith('batch'))),
    );
  }, 180_000);

  afterAll(async () => {
    await world.end();
    collector.close();
  }, 90_000);

  const spansOf = (service: string): Span[] =>
    collector.spans.filter((span) => span.service === service && span.traceId === traceId);

  it('is the client’s: the request stands below the client’s own step, the SQL that stores the event below the request', () => {
    const spans = spansOf('command-api');
    const request = spans.find(({ parentSpanId }) => parentSpanId === clientSpan);
    expect(request).toMatchObject({ name: expect.stringMatching(/^POST/) });
    expect(spans.filter(({ sql }) => sql?.includes('append_events'))).toEqual([
      expect.objectContaining({ parentSpanId: request?.spanId }),
    ]);
  });

  it('goes with the record: its header names the request that caused the event', () => {
    const request = spansOf('command-api').find(({ parentSpanId }) => parentSpanId === clientSpan);
    expect(record).toMatchObject({ key: orderId, version: 1, traceparent: `00-${traceId}-${request?.spanId}-01` });
  });

  it.each([
    ['order-projector', 'insert into "order_projector"."orders"'],
    ['feed-projector', 'insert into "feed_projector"."feed_entries"'],
  ])('continues in the %s: its batch stands below the request, its SQL below the batch', (service, statement) => {
    const request = spansOf('command-api').find(({ parentSpanId }) => parentSpanId === clientSpan);
    const spans = spansOf(service);
    const batch = spans.find(({ parentSpanId }) => parentSpanId === request?.spanId);
    expect(batch?.name).toMatch(/batch$/);
    const statements = spans.filter(({ sql }) => sql !== undefined);
    expect(statements.filter(({ sql }) => sql?.includes(statement))).toHaveLength(1);
    expect(new Set(statements.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([batch?.spanId]));
  });

  it('goes with an order to its end: through the saga, the account, the gateway and the books', async () => {
    const client = await world.person('traced');
    const account = await client.openAccount('first');
    await client.deposit(account, '1000', 'first');
    const whole = 'f111'.repeat(8);
    const { body } = await client.ask<OrderSeen>('POST', '/v1/orders', {
      body: {
        accountId: account,
        clientOrderId: 'whole',
        ...{ symbol: 'ACME', side: 'buy', type: 'market' },
        quantity: '1',
        timeInForce: 'day',
      },
      headers: { traceparent: `00-${whole}-${clientSpan}-01` },
    });
    await client.orderWhen(body.id, ({ status }) => status === 'filled', 30_000);
    const services = [
      'command-api',
      'order-saga',
      'broker-gateway',
      'order-projector',
      'account-projector',
      'position-projector',
    ];
    const seen = () => new Set(collector.spans.filter((span) => span.traceId === whole).map(({ service }) => service));
    await world.until('a span of each service', () => services.every((service) => seen().has(service)), 60_000);
    const { rows } = await world.database.query<{ traces: number; events: number }>(
      `select count(distinct substr(metadata->>'traceparent', 4, 32))::int as traces, count(*)::int as events
         from event_store where correlation_id = (select correlation_id from event_store where aggregate_id = $1 limit 1)`,
      [body.id],
    );
    expect(rows[0]).toMatchObject({ traces: 1 });
    expect(rows[0]?.events).toBeGreaterThan(15);
  }, 90_000);
});
