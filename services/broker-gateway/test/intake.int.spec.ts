import { placementIdFor, sessionKey, topics, type RecordedEvent, type StepEvent } from '@tradecore/events';
import { canceling, commandOf, replacing, submitting } from './asking-saga.ts';
import { nextTerms, restingTerms, revisionTerms, until, World } from './world.ts';

describe('a step of the saga', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start();
  }, 60_000);
  afterEach(() => world.paper.call('DELETE', '/faults'));
  afterAll(() => world.close(), 30_000);

  /** Stores and publishes steps; returns the stored ones. */
  const ask = async (...steps: readonly StepEvent[]): Promise<readonly RecordedEvent<StepEvent>[]> => {
    const events = await world.storeSteps(...steps);
    await world.relay();
    return events;
  };
  const idOf = (events: readonly RecordedEvent<StepEvent>[]): string => events.at(-1)?.data.target ?? '';

  it('is a row until it is answered, not an event: the first event of the order carries the step', async () => {
    const terms = restingTerms();
    const events = await ask(submitting(terms));
    const id = idOf(events);
    await world.reaches(id, 'working');
    expect(await world.openSteps()).toContain(commandOf(terms, 'submit'));
    const [first] = await world.events(id);
    expect(first).toMatchObject({
      type: 'BrokerOrderAccepted',
      data: {
        ...{ orderId: terms.orderId, accountId: terms.accountId, revision: 1, found: false },
        opening: { commandId: commandOf(terms, 'submit'), terms },
        answers: commandOf(terms, 'submit'),
      },
      ...{ sagaId: placementIdFor(terms.orderId), correlationId: events[0]?.correlationId },
      metadata: { account: terms.accountId, actor: 'broker-gateway' },
    });
    await ask(canceling(terms));
    await world.reaches(id, 'canceled');
    expect((await world.events(id)).at(-1)?.data).toMatchObject({ answers: commandOf(terms, 'cancel', 1) });
    await until('its rows are gone', async () => (await world.openSteps()).length === 0 && (await world.rows()).length === 0);
  }, 30_000);

  it('is carried out once, however often it arrives: during the call, after the end, and after its rows are gone', async () => {
    await world.paper.fault({ kind: 'slow', symbol: 'ACME', on: 'submit', ms: 200 });
    const terms = revisionTerms();
    const steps = await ask(submitting(terms));
    const id = idOf(steps);
    await world.redeliver(steps); // during the POST
    await world.reaches(id, 'filled');
    await world.redeliver(steps); // at the end
    await until('its rows are gone', async () => (await world.openSteps()).length === 0);
    await ask(submitting(terms, 2)); // the saga asks again
    await world.redeliver(steps);
    const marker = idOf(await ask(submitting(revisionTerms())));
    await world.reaches(marker, 'filled'); // the intake has read what came before
    await until('no row is left', async () => (await world.openSteps()).length === 0 && (await world.rows()).length === 0);
    expect(await world.story(id)).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
    expect((await world.paper.orders()).filter(({ client_order_id }) => client_order_id === id)).toHaveLength(1);
  }, 30_000);

  it('to cancel is answered once, by its command id; another request is another step', async () => {
    const terms = restingTerms();
    const id = idOf(await ask(submitting(terms)));
    await world.reaches(id, 'working');
    const first = await ask(canceling(terms, 1));
    await world.redeliver(first);
    await world.reaches(id, 'canceled');
    await world.redeliver(first);
    await ask(canceling(terms, 2));
    await until('both are answered', async () => (await world.story(id)).includes('BrokerCancelRejected'));
    await until('no step is open', async () => (await world.openSteps()).length === 0);
    const answers = (await world.events(id)).map(({ type, data }) => [type, (data as { answers?: string }).answers]);
    expect(answers).toEqual([
      ['BrokerOrderAccepted', commandOf(terms, 'submit')],
      ['BrokerOrderCanceled', commandOf(terms, 'cancel', 1)],
      ['BrokerCancelRejected', commandOf(terms, 'cancel', 2)],
    ]);
  }, 30_000);

  it('reaches the brokerage at once: the commit wakes the workers, without polling', async () => {
    const delays: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      const [asked] = await ask(submitting(restingTerms()));
      const id = asked?.data.target ?? '';
      await world.reaches(id, 'working');
      const [accepted] = await world.events(id);
      delays.push(Date.parse(accepted?.time ?? '') - Date.parse(asked?.time ?? ''));
    }
    expect(Math.min(...delays)).toBeLessThan(400); // an idle queue polls once a second; this includes the test's relay
  }, 30_000);

  it('may change the terms of a working order', async () => {
    const terms = restingTerms();
    const first = idOf(await ask(submitting(terms)));
    await world.reaches(first, 'working');
    const next = nextTerms(terms, { limitPrice: '51' });
    const second = idOf(await ask(replacing(next)));
    await world.reaches(first, 'replaced');
    await world.reaches(second, 'working');
    expect((await world.events(second))[0]?.data).toMatchObject({ opening: { terms: next }, carriedQuantity: '0', found: false });
  }, 30_000);

  it('comes with market data: instruments, prices and the session are published, and again only when they change', async () => {
    const read = async () =>
      (await world.kafka.readTopic(topics.marketData.name)).map(({ key, value }) => ({
        key: key?.toString(),
        record: JSON.parse(value?.toString() ?? 'null') as Record<string, unknown>,
      }));
    const of = async (symbol: string) => (await read()).filter(({ key }) => key === symbol).map(({ record }) => record);
    await until('ACME is published', async () => (await of('ACME')).length > 0);
    const quote = {
      kind: 'instrument',
      symbol: 'ACME',
      lastPrice: '100',
      tick: '0.01',
      tickBelowOne: '0.0001',
      lot: '1',
      halted: false,
    };
    expect((await of('ACME'))[0]).toEqual({ ...quote, pricedAt: expect.any(String) });
    expect((await of('HALT'))[0]).toMatchObject({ halted: true });
    expect((await of(sessionKey))[0]).toMatchObject({ kind: 'session', isOpen: true });
    const before = (await of('ACME')).length;
    await world.paper.price('ACME', '101.5');
    await until('the new price is published', async () => (await of('ACME')).at(-1)?.['lastPrice'] === '101.5');
    expect((await of('ACME')).length).toBe(before + 1);
  }, 30_000);
});
