import { Module } from '@nestjs/common';
import type { ServiceOptions } from '@tradecore/service';
import { Notifier } from './notifier.ts';

/** Tells people. */
@Module({ providers: [Notifier] })
export class NotifierModule {}

/** The service as `main.ts` and tests start it. */
export const notifier: ServiceOptions = { name: 'notifier', module: NotifierModule, uses: ['kafka'] };
