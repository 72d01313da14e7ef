import { Module } from '@nestjs/common';
import type { ServiceOptions } from '@tradecore/service';
import { OutboxRelay } from './outbox-relay.service.ts';

/** The relay and nothing else. */
@Module({ providers: [OutboxRelay] })
class OutboxRelayModule {}

/** The service: no door but its admin port. */
export const outboxRelay: ServiceOptions = { name: 'outbox-relay', module: OutboxRelayModule, uses: ['postgres', 'kafka'] };
