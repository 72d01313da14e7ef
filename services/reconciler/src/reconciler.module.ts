import { Module, type Provider } from '@nestjs/common';
import { readModelMigrations } from '@tradecore/read-models';
import type { ServiceOptions } from '@tradecore/service';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { AggregatesCheck } from './aggregates/aggregates-check.ts';
import { Around } from './around.ts';
import { Findings } from './findings.ts';
import { FleetGauges } from './fleet/fleet-gauges.ts';
import { Lead } from './lead.ts';
import { reconcilerConfig } from './reconciler.config.ts';
import { OrphansCheck } from './orphans-check.ts';
import { checks, Reconciler, type Check } from './reconciler.ts';
import { TopicsCheck } from './topics/topics-check.ts';
import { Touched } from './touched.ts';

const all: Provider = {
  provide: checks,
  useFactory: (...each: Check[]) => each,
  inject: [TopicsCheck, AggregatesCheck, OrphansCheck],
};

/** Compares store, topics and read models, all the time. */
@Module({
  providers: [Reconciler, all, TopicsCheck, AggregatesCheck, OrphansCheck, Around, Findings, FleetGauges, Lead, Touched],
})
class ReconcilerModule {}

/** The service as `main.ts` and tests start it. */
export const reconciler: ServiceOptions = {
  name: 'reconciler',
  module: ReconcilerModule,
  uses: ['postgres', 'kafka'],
  config: reconcilerConfig,
  migrations: [...readModelMigrations, ...runtimeMigrations],
};
