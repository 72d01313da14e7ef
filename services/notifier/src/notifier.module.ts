import { Module } from '@nestjs/common';
import type { ServiceOptions } from '@tradecore/service';
import { Notifier } from './notifier.ts';

/** Writes notices for people. */
@Module({ providers: [Notifier] })
class NotifierModule {}

/** The service that `main.ts` and tests start. */
export const notifier: ServiceOptions = { name: 'notifier', module: NotifierModule, uses: ['kafka'] };
