import { Module } from '@nestjs/common';
import type { ServiceOptions } from '@tradecore/service';
import { paperSettings } from './paper-broker.config.ts';
import { PaperBroker } from './paper-broker.service.ts';

/** A broker to trade with on paper. */
@Module({ providers: [PaperBroker] })
class PaperBrokerModule {}

/** The service as `main.ts` and tests start it. */
export const paperBroker: ServiceOptions = { name: 'paper-broker', module: PaperBrokerModule, uses: [], config: paperSettings };
