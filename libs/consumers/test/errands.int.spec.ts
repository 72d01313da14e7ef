import { causedEventId, freshId, stepIdFor } from '@tradecore/events';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { errandIdFor } from './errands.ts';

describe('a saga and the commands it gives', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    world = await createErrandWorld();
  });
  afterEach(() => world.drop(), 30_000);

  it('go from event to step to answer to the end, each with the context of what caused it', async () => {
    const purses = await world.runPurses();
    await world.runErrands();
    const purseId = freshId();
    const jobId = await world.open({ purseId, amount: 5 });
    await world.ended(jobId);
    const errandId = errandIdFor(jobId);
    const [opened] = await world.eventsOf(jobId);
    const [asked, ended] = await world.eventsOf(errandId);
    const paid = await world.eventsOf(purseId);
    const commandId = stepIdFor(errandId, 'pay', purseId);
    expect(asked).toMatchObject({
      id: causedEventId(opened?.id ?? '', errandId, 0),
      type: 'PaymentAsked',
      causationId: opened?.id,
      correlationId: opened?.correlationId,
      sagaId: errandId,
      metadata: { account: 'acme' },
    });
    expect(paid).toMatchObject(
      [0, 1].map((n) => ({
        id: causedEventId(commandId, purseId, n),
        causationId: asked?.id,
        correlationId: opened?.correlationId,
        sagaId: errandId,
        metadata: { account: 'acme' },
      })),
    );
    expect(ended).toMatchObject({ type: 'ErrandEnded', causationId: paid[0]?.id });
    expect(await world.query('select amount from purse_keeper.payments')).toEqual([{ amount: 5 }]);
    expect(purses.handler.told.length).toBeGreaterThan(0);
    expect(await world.query('select * from errand_saga.open_sagas')).toEqual([]);
  }, 30_000);

  it('handle many at once, many of one purse among them', async () => {
    const purseId = freshId();
    await world.runPurses();
    await world.runErrands();
    const jobs = await Promise.all(Array.from({ length: 300 }, (_, n) => world.open(n % 2 ? {} : { purseId })));
    await world.ended(...jobs);
    expect(await world.eventsOf(purseId)).toHaveLength(300);
    expect(await world.query('select count(*)::int as n from purse_keeper.payments')).toEqual([{ n: 300 }]);
    expect(await world.deadLetters()).toEqual([]);
  }, 60_000);
});
