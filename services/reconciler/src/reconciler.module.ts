import { Module } from '@nestjs/common';
import { readModelMigrations } from '@tradecore/read-models';
import type { ServiceOptions } from '@tradecore/service';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { AggregatesCheck } from './aggregates/aggregates-check.ts';
import { Around } from './around.ts';
import { Findings } from './findings.ts';
import { Lead } from './lead.ts';
import { reconcilerConfig } from './reconciler.config.ts';
import { Reconciler } from './reconciler.ts';
import { TopicsCheck } from './topics/topics-check.ts';
import { Touched } from './touched.ts';

/** Compares store, topics and read models, all the time. */
@Module({ providers: [Reconciler, TopicsCheck, AggregatesCheck, Around, Findings, Lead, Touched] })
class ReconcilerModule {}

/** The service as `main.ts` and tests start it. */
export const reconciler: ServiceOptions = {
  name: 'reconciler',
  module: ReconcilerModule,
  uses: ['postgres', 'kafka'],
  config: reconcilerConfig,
  migrations: [...readModelMigrations, ...runtimeMigrations],
};
