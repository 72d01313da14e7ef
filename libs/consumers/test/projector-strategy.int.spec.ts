import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventStore } from '@tradecore/event-sourcing';
import { freshId } from '@tradecore/events';
import { CommitListener, ProjectorsModule, ProjectorStrategy, type Subscription } from '@tradecore/consumers';
import { currentContext, metricsPage } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import { Counted, counters, recorded, Tallies } from './counters.ts';
import { createWorld, until, type World } from './world.ts';

const brokerToken = Symbol('broker');
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** Records the notes whose rows it was told of, and the trace. */
class Notes extends CommitListener {
  readonly heard: { projector: string; keys: readonly string[]; trace: string | undefined }[] = [];
  committed(projector: string, rows: ReadonlyMap<string, object> | undefined): void {
    if (!rows) return;
    this.heard.push({ projector, keys: [...rows.keys()], trace: currentContext()?.traceparent?.slice(3, 35) });
    throw new Error('a listener may fail');
  }
}

/** Like a service of the fleet: servers are provided globally, projectors are providers. */
async function start(world: World) {
  const servers = [
    { provide: DataSource, useValue: world.dataSource },
    { provide: EventStore, useValue: world.store },
    { provide: brokerToken, useValue: world.test.another() },
  ];
  @Module({ imports: [ProjectorsModule.with({ kafka: brokerToken, catalogue: counters })], providers: [Tallies, Notes] })
  class Projections {}
  const application = await NestFactory.createApplicationContext(
    {
      module: class Root {},
      imports: [
        { module: class Servers {}, global: true, providers: servers, exports: servers.map(({ provide }) => provide) },
        Projections,
      ],
    },
    { logger: false },
  );
  const strategy = application.get(ProjectorStrategy, { strict: false });
  await new Promise<void>((resolve, reject) => strategy.listen((error) => (error ? reject(error as Error) : resolve())));
  return { application, strategy, notes: application.get(Notes, { strict: false }) };
}

describe('projectors of a Nest application', () => {
  let world: World;
  afterEach(() => world.drop(), 30_000);

  it('are found, run, notify a listener in the trace of the event, are ready, and are drained', async () => {
    world = await createWorld();
    const { application, strategy, notes } = await start(world);
    await until(
      () => strategy.readiness().map((each) => each.check().ok),
      (oks) => oks.join() === 'true',
    );
    const id = freshId();
    await world.happen(recorded(id, 1, new Counted({ amount: '3' }), { metadata: { account: 'acme', traceparent } }));
    await until(
      () => notes.heard.length,
      (count) => count === 1,
    );
    expect(notes.heard).toEqual([{ projector: 'tally-projector', keys: [id], trace: traceparent.slice(3, 35) }]);
    const [subscription] = strategy.unwrap<Subscription[]>();
    expect(subscription?.status()).toMatchObject({ name: 'tally-projector', state: 'running', backlogAgeMs: 0 });
    const page = (await metricsPage()).split('\n');
    expect(page).toContain('tradecore_projection_parked_total{group="tally-projector",reason="row-refused"} 0');
    expect(page).toContain('tradecore_consumer_backlog_age_seconds{group="tally-projector"} 0');
    for (const state of ['running', 'building', 'waiting', 'halted'])
      expect(page).toContain(`tradecore_consumer_state{group="tally-projector",state="${state}"} ${Number(state === 'running')}`);
    await strategy.close();
    expect(subscription?.status().state).toBe('closed');
    expect(strategy.readiness()[0]?.check().ok).toBe(false);
    await application.close();
  }, 30_000);
});
