import { BaseAggregate } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  CancellationAsked,
  freshId,
  placementIdFor,
  ReplacementAsked,
  sessionKey,
  stepIdFor,
  SubmissionAsked,
  topics,
  type RevisionTerms,
  type OrderPlacementEvent,
} from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import { restingTerms, until, World } from './world.ts';

type Asked = Extract<OrderPlacementEvent, SubmissionAsked | ReplacementAsked | CancellationAsked>;

/** A saga that asks what it is told to ask. */
class Asking extends BaseAggregate<Asked> {
  static readonly type = 'OrderPlacement';
  ask(event: Asked): void {
    this.apply(event);
  }
  onSubmissionAsked(): void {
    // Asked.
  }
  onReplacementAsked(): void {
    // Asked.
  }
  onCancellationAsked(): void {
    // Asked.
  }
}

describe('what a saga asks of the broker', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start();
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  const step = (terms: Pick<RevisionTerms, 'orderId' | 'revision'>, kind: string, attempt = 1) => {
    const target = brokerOrderIdFor(terms.orderId, terms.revision);
    const commandId = stepIdFor(placementIdFor(terms.orderId), kind, String(terms.revision));
    return { target, commandId, attempt, dueAt: '2999-01-01T00:00:00Z' };
  };

  /** Stores and publishes steps; answers the revision that the last one asks. */
  const ask = async (orderId: string, ...events: Asked[]): Promise<string> => {
    const saga = await world.models.store.loadAggregate(Asking, placementIdFor(orderId));
    for (const event of events) saga.ask(event);
    await runInContext({ correlationId: freshId(), account: freshId() }, () => world.models.store.saveAggregate(saga));
    await world.models.relay(world.kafka.kafka);
    return events.at(-1)?.data.target ?? '';
  };

  it('is stored as an intent and carried out, once however often it is asked', async () => {
    const terms = restingTerms();
    const submission = (attempt: number) => new SubmissionAsked({ ...terms, ...step(terms, 'submit', attempt) });
    const id = await ask(terms.orderId, submission(1), submission(2));
    await world.reaches(id, 'working');
    await ask(terms.orderId, submission(3));
    const cancellation = new CancellationAsked({ orderId: terms.orderId, ...step(terms, 'cancel') });
    await ask(terms.orderId, cancellation);
    await world.reaches(id, 'canceled');
    expect(await world.story(id)).toEqual([
      'SubmissionRequested',
      'BrokerOrderAccepted',
      'CancellationRequested',
      'BrokerOrderCanceled',
    ]);
    const [first] = await world.events(id);
    expect(first?.data).toEqual(terms);
    expect(first?.sagaId).toBe(placementIdFor(terms.orderId));
    expect((await world.paper.orders()).filter(({ client_order_id }) => client_order_id === id)).toHaveLength(1);
  }, 30_000);

  it('reaches the broker at once: the commit wakes the workers, nobody polls for it', async () => {
    const delays: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      const terms = restingTerms();
      const id = await ask(terms.orderId, new SubmissionAsked({ ...terms, ...step(terms, 'submit') }));
      await world.reaches(id, 'working');
      const [asked, accepted] = await world.events(id);
      delays.push(Date.parse(accepted?.time ?? '') - Date.parse(asked?.time ?? ''));
    }
    expect(Math.min(...delays)).toBeLessThan(200); // an idle queue looks once a second
  }, 30_000);

  it('may be other terms for an order that works', async () => {
    const terms = restingTerms();
    const first = await ask(terms.orderId, new SubmissionAsked({ ...terms, ...step(terms, 'submit') }));
    const next = { ...terms, revision: 2, limitPrice: '51' };
    const second = await ask(terms.orderId, new ReplacementAsked({ ...next, ...step(next, 'replace'), replaces: first }));
    await world.reaches(first, 'replaced');
    await world.reaches(second, 'working');
    expect((await world.events(second))[0]?.data).toEqual({ ...next, replaces: first });
  }, 30_000);

  it('stands beside the market: instruments, prices and the session are published, and again only when they change', async () => {
    const read = async () =>
      (await world.kafka.readTopic(topics.marketData.name)).map(({ key, value }) => ({
        key: key?.toString(),
        record: JSON.parse(value?.toString() ?? 'null') as Record<string, unknown>,
      }));
    const of = async (symbol: string) => (await read()).filter(({ key }) => key === symbol).map(({ record }) => record);
    await until('ACME is published', async () => (await of('ACME')).length > 0);
    const quote = { kind: 'instrument', symbol: 'ACME', lastPrice: '100', tick: '0.01', lot: '1', halted: false };
    expect((await of('ACME'))[0]).toEqual({ ...quote, pricedAt: expect.any(String) });
    expect((await of('HALT'))[0]).toMatchObject({ halted: true });
    expect((await of(sessionKey))[0]).toMatchObject({ kind: 'session', isOpen: true });
    const before = (await of('ACME')).length;
    await world.paper.price('ACME', '101.5');
    await until('the new price is published', async () => (await of('ACME')).at(-1)?.['lastPrice'] === '101.5');
    expect((await of('ACME')).length).toBe(before + 1);
  }, 30_000);
});
