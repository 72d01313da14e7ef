import { Module } from '@nestjs/common';
import type { ServiceOptions } from '@tradecore/service';
import { paperSettings } from './paper-broker.config.ts';
import { PaperBroker } from './paper-broker.service.ts';

/** A simulated brokerage. */
@Module({ providers: [PaperBroker] })
class PaperBrokerModule {}

/** The service that `main.ts` and tests start. */
export const paperBroker: ServiceOptions = { name: 'paper-broker', module: PaperBrokerModule, uses: [], config: paperSettings };
