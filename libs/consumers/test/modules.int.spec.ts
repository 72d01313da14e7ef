import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IntakeModule, IntakeStrategy, intakeMigration, ProcessModule, ProcessStrategy } from '@tradecore/consumers';
import { createEventStore, EventStore } from '@tradecore/event-sourcing';
import { DataSource } from 'typeorm';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { ErrandProcess, errands, names, Payments, received } from './errands.ts';
import { until } from './world.ts';

const kafka = Symbol('kafka');

describe('a process and an intake of Nest applications', () => {
  let world: ErrandWorld;
  afterEach(() => world.drop(), 30_000);

  /** Like a service of the fleet: servers are provided globally. */
  const start = async (
    service: string,
    strategy: Type<ProcessStrategy | IntakeStrategy>,
    imported: DynamicModule,
    providers: Type[] = [],
  ) => {
    const dataSource = await world.database.dataSourceFor(service);
    const store = createEventStore({ dataSource, catalogue: errands });
    const servers = [
      { provide: DataSource, useValue: dataSource },
      { provide: EventStore, useValue: store },
      { provide: kafka, useValue: world.test.another() },
    ];
    const exports = servers.map(({ provide }) => provide);
    @Module({ imports: [imported], providers })
    class Service {}
    const root = {
      module: class Root {},
      imports: [{ module: class Servers {}, global: true, providers: servers, exports }, Service],
    };
    const application = await NestFactory.createApplicationContext(root, { logger: false });
    const found = application.get(strategy, { strict: false });
    await new Promise<void>((resolve, reject) => found.listen((error) => (error ? reject(error as Error) : resolve())));
    const stop = async () => {
      await found.close();
      await application.close();
      await store.close();
    };
    return { found, stop };
  };

  it('run what they are given, are ready, and are drained', async () => {
    world = await createErrandWorld();
    const common = { kafka, catalogue: errands };
    const process = { process: new ErrandProcess(), topics: [names.jobs, names.purses], service: 'errand-saga', received };
    const saga = await start('errand-saga', ProcessStrategy, ProcessModule.with({ ...common, ...process }));
    const intake = IntakeModule.with({ ...common, name: 'purse-keeper', topics: [names.steps] });
    const purses = await start('purse-keeper', IntakeStrategy, intake, [Payments]);
    const jobId = await world.open();
    await until(
      () => world.query('select from purse_keeper.payments'),
      (rows) => rows.length === 1,
    );
    await world.pay();
    await world.ended(jobId);
    for (const { found } of [saga, purses]) expect(found.readiness().map((each) => each.check().ok)).toEqual([true]);
    await Promise.all([saga.stop(), purses.stop()]);
    for (const { found } of [saga, purses]) expect(found.readiness().map((each) => each.check().state)).toEqual(['closed']);
    expect(intakeMigration({ number: 1, service: 'purse-keeper' }).name).toBe('purse-keeper-intake');
  }, 60_000);
});
