import { brokerOrderIdFor, type ExecutionCorrected, type ExecutionReported } from '@tradecore/events';
import type { RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import { AlpacaHttp, type HttpCall } from '../src/alpaca/http.ts';
import { BrokerOrderOwner } from '../src/broker-order-owner.ts';
import { brokerGateway } from '../src/broker-gateway.module.ts';
import { restingTerms, revisionTerms, until, World } from './world.ts';

describe('a message from the brokerage', () => {
  let world: World;
  let second: RunningService;
  const env = { BROKER_SWEEP: '1000' };
  beforeAll(async () => {
    world = await World.create();
    await world.start(env);
    second = await startTestService(brokerGateway, world.env(env));
  }, 60_000);
  afterEach(() => world.paper.call('DELETE', '/faults'));
  afterAll(async () => {
    await second.stop();
    await world.close();
  }, 30_000);

  const reportsOf = async (id: string, type: string) => (await world.events(id)).filter((event) => event.type === type);

  it('on the stream before the answer to the call is stored once, although two gateways hear it', async () => {
    await world.paper.fault({ kind: 'fill-before-ack', symbol: 'ACME', on: 'submit', ms: 150, times: 10 });
    const ids = await Promise.all(Array.from({ length: 10 }, () => world.submit(revisionTerms())));
    for (const id of ids) await world.reaches(id, 'filled');
    await until('no row is left', async () => (await world.rows()).length === 0 && (await world.openSteps()).length === 0);
    for (const id of ids) {
      expect(await world.story(id)).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
      expect((await world.events(id))[0]?.data).toMatchObject({ opening: { terms: { symbol: 'ACME' } } });
    }
  }, 30_000);

  it('about an immediate fill shares one save with the acceptance if it arrives within moments', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => world.submit(revisionTerms())));
    for (const id of ids) await world.reaches(id, 'filled');
    const times = await Promise.all(ids.map(async (id) => new Set((await world.events(id)).map(({ time }) => time)).size));
    expect(times.filter((saves) => saves === 1).length).toBeGreaterThan(10);
  }, 30_000);

  it('that corrects a correction is stored once, for the same execution', async () => {
    const id = await world.submit(revisionTerms());
    await world.reaches(id, 'filled');
    for (const price of ['99', '98']) {
      await world.paper.fault({ kind: 'correct', client_order_id: id, price });
      await until(`${price} is stored`, async () => {
        const last = (await reportsOf(id, 'ExecutionCorrected')).at(-1)?.data as ExecutionCorrected['data'] | undefined;
        return last?.price === price;
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 2_500)); // the list is compared, and a sweep was made
    const corrections = await reportsOf(id, 'ExecutionCorrected');
    const [report] = await reportsOf(id, 'ExecutionReported');
    const { executionId } = report?.data as ExecutionReported['data'];
    expect(corrections.map(({ data }) => data)).toMatchObject([
      { executionId, price: '99' },
      { executionId, price: '98' },
    ]);
    await until('no row is left', async () => (await world.rows()).length === 0);
  }, 30_000);

  it.each([
    ['suspend', 'BrokerOrderSuspended'],
    ['done-for-day', 'BrokerOrderDoneForDay'],
  ])(
    'that pauses an order (%s) can be followed by a resumption',
    async (kind, paused) => {
      await world.paper.fault({ kind, symbol: 'ACME' });
      const terms = restingTerms();
      const id = await world.submit(terms);
      await until('it is paused', async () => (await world.story(id)).includes(paused));
      await world.paper.fault({ kind: 'resume', client_order_id: id });
      await until('it is resumed', async () => (await world.story(id)).includes('BrokerOrderResumed'));
      await world.cancel(terms);
      await world.reaches(id, 'canceled');
      expect(await world.story(id)).toEqual(['BrokerOrderAccepted', paused, 'BrokerOrderResumed', 'BrokerOrderCanceled']);
    },
    30_000,
  );

  it('with a bust or a correction that the stream missed is found by the sweep', async () => {
    const [busted, corrected] = [await world.submit(revisionTerms()), await world.submit(revisionTerms())];
    await world.reaches(busted, 'filled');
    await world.reaches(corrected, 'filled');
    await world.paper.fault({ kind: 'stream-gap', symbol: 'ACME', ms: 60_000 });
    await world.paper.fault({ kind: 'stream-gap', symbol: 'ACME', ms: 60_000 });
    await world.paper.fault({ kind: 'bust', client_order_id: busted });
    await world.paper.fault({ kind: 'correct', client_order_id: corrected, price: '97' });
    await until('the bust is found', async () => (await reportsOf(busted, 'ExecutionBusted')).length > 0);
    await until('the correction is found', async () => (await reportsOf(corrected, 'ExecutionCorrected')).length > 0);
    expect((await world.brokerOrder(busted)).filledQuantity).toBe('0');
    expect((await reportsOf(corrected, 'ExecutionCorrected')).map(({ data }) => data)).toMatchObject([{ price: '97' }]);
    expect(await reportsOf(busted, 'ExecutionBusted')).toHaveLength(1);
  }, 30_000);

  it('about an ended order is stored: a late fill, a bust, a correction, even by a restarted gateway', async () => {
    await world.paper.fault({ kind: 'fill-after-cancel', symbol: 'ACME' });
    const terms = restingTerms();
    const late = await world.submit(terms);
    const [busted, corrected] = [await world.submit(revisionTerms()), await world.submit(revisionTerms())];
    for (const id of [busted, corrected]) await world.reaches(id, 'filled');
    await world.reaches(late, 'working');
    await until('only the working order has a row', async () => (await world.rows()).length === 1);
    await Promise.all([world.stop(), second.stop()]);
    const [order] = (await world.paper.orders()).filter(({ client_order_id }) => client_order_id === late);
    await world.paper.call('DELETE', `/v2/orders/${order?.id}`);
    await world.start(env);
    second = await startTestService(brokerGateway, world.env(env));
    await world.paper.fault({ kind: 'bust', client_order_id: busted });
    await world.paper.fault({ kind: 'correct', client_order_id: corrected, price: '99' });
    await until('the late fill is stored', async () => (await world.story(late)).includes('ExecutionReported'));
    await until('the bust is stored', async () => (await world.story(busted)).includes('ExecutionBusted'));
    await until('the correction is stored', async () => (await world.story(corrected)).includes('ExecutionCorrected'));
    expect(await world.story(late)).toContain('BrokerOrderCanceled');
  }, 40_000);

  it.each(['before the call', 'during the call', 'before the answer is stored', 'after it is stored'] as const)(
    'ends an order that is cancelled %s',
    async (moment) => {
      const terms = restingTerms();
      const id = brokerOrderIdFor(terms.orderId, 1);
      let isDone = false;
      const cancel = async (at: typeof moment): Promise<void> => {
        if (at !== moment || isDone) return;
        isDone = true;
        await world.cancel(terms);
      };
      const isSubmit = (body: object | undefined): boolean =>
        (body as { client_order_id?: string } | undefined)?.client_order_id === id;
      const { ask } = AlpacaHttp.prototype;
      const { begin } = BrokerOrderOwner.prototype;
      AlpacaHttp.prototype.ask = async function (this: AlpacaHttp, call: HttpCall) {
        if (!isSubmit(call.body)) return ask.call(this, call);
        await cancel('before the call');
        const reply = ask.call(this, call);
        await cancel('during the call');
        return reply;
      };
      BrokerOrderOwner.prototype.begin = async function (this: BrokerOrderOwner, ...given: Parameters<typeof begin>) {
        if (this.id === id) await cancel('before the answer is stored');
        return begin.apply(this, given);
      };
      try {
        await world.submit(terms);
        if (moment === 'after it is stored') {
          await world.reaches(id, 'working');
          await cancel(moment);
        }
        await world.reaches(id, 'canceled');
      } finally {
        Object.assign(AlpacaHttp.prototype, { ask });
        Object.assign(BrokerOrderOwner.prototype, { begin });
      }
      // The stream's update may be stored before the step is seen: then the state of the order answers the step.
      const story = (await world.story(id)).filter((type) => type !== 'BrokerCancelRejected');
      expect(story).toEqual(['BrokerOrderAccepted', 'BrokerOrderCanceled']);
      await until('no step is open', async () => (await world.openSteps()).length === 0 && (await world.rows()).length === 0);
    },
    30_000,
  );
});
