import { causedEventId, freshId, stepIdFor, type RecordedEvent } from '@tradecore/events';
import { createErrandWorld, walletOf, type ErrandWorld } from './errand-world.ts';
import { errandIdFor } from './errands.ts';

type Two = readonly [RecordedEvent, RecordedEvent];

describe('a process over several aggregates, and the steps that it asks', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    world = await createErrandWorld();
  });
  afterEach(() => world.drop(), 30_000);

  it('runs from event to step to answer to the end, each save with the context of its cause', async () => {
    const { payments } = await world.runPurses();
    await world.runErrands();
    const [purseId, walletId] = [freshId(), freshId()];
    const jobId = await world.open({ purseId, walletId, amount: 5 });
    await world.ended(jobId);
    const errandId = errandIdFor(jobId);
    const events = await Promise.all([jobId, walletId, errandId, purseId].map((id) => world.eventsOf(id)));
    const [[opened, done], [held, walletPaid], [requested, ended], [paid]] = events as unknown as [Two, Two, Two, Two];
    const context = { correlationId: opened.correlationId, sagaId: errandId, metadata: { account: 'acme' } };
    const cause = { ...context, causationId: opened.id };
    expect(held).toMatchObject({ id: causedEventId(opened.id, walletId, 0), type: 'WalletHeld', ...cause });
    expect(requested).toMatchObject({ id: causedEventId(opened.id, errandId, 0), type: 'PaymentRequested', ...cause });
    expect(paid.id).toBe(causedEventId(stepIdFor(errandId, 'pay', purseId), purseId, 0));
    for (const [event, id] of [
      [done, jobId],
      [walletPaid, walletId],
      [ended, errandId],
    ] as const) {
      expect(event).toMatchObject({ id: causedEventId(paid.id, id, 0), causationId: paid.id, sagaId: errandId });
    }
    expect([done, walletPaid, ended].map(({ type }) => type)).toEqual(['JobDone', 'WalletPaid', 'ErrandEnded']);
    expect(new Set([done, walletPaid, ended].map(({ time }) => time)).size).toBe(1); // one transaction
    expect(await world.query('select data->>$1 as amount from purse_keeper.payments', ['amount'])).toEqual([{ amount: '5' }]);
    expect(payments.notified).toBeGreaterThan(0);
    expect(await world.query('select * from errand_saga.open_sagas')).toEqual([]);
  }, 30_000);

  it('handles many at once, including many of one wallet, while the wallet changes', async () => {
    const walletId = freshId();
    await world.runPurses();
    await world.runErrands();
    const opening = Array.from({ length: 200 }, (_, n) => world.open(n % 2 ? {} : { walletId }));
    for (let n = 0; n < 20; n += 1) {
      const wallet = await walletOf(world, walletId);
      await world.desk.saveAggregate(wallet.fill(1)).catch(() => undefined);
    }
    const jobs = await Promise.all(opening);
    await world.ended(...jobs);
    expect(await walletOf(world, walletId)).toMatchObject({ held: 0, paid: 100 });
    expect(await world.query('select count(*)::int as n from purse_keeper.payments')).toEqual([{ n: 200 }]);
    expect(await world.deadLetters()).toEqual([]);
  }, 60_000);

  it('keeps a row for each open saga: what it heard, its aggregates, its deadline; what it stores itself counts as heard', async () => {
    await world.runErrands();
    const walletId = freshId();
    const jobId = await world.open({ walletId });
    const errandId = errandIdFor(jobId);
    await world.nudge(jobId);
    const rows = () =>
      world.query<{ heard: Record<string, number> }>('select saga_id, aggregate_ids, heard from errand_saga.open_sagas');
    for (;;) {
      const [row] = await rows();
      if (row?.heard[jobId] === 2) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await rows()).toEqual([{ saga_id: errandId, aggregate_ids: [jobId, walletId, errandId], heard: { [jobId]: 2 } }]);
  }, 30_000);
});
