import { Module } from '@nestjs/common';
import type { ServiceOptions } from '@tradecore/service';
import { OutboxRelay } from './outbox-relay.service.ts';

@Module({ providers: [OutboxRelay] })
class OutboxRelayModule {}

/** The service: its admin port is its only endpoint. */
export const outboxRelay: ServiceOptions = { name: 'outbox-relay', module: OutboxRelayModule, uses: ['postgres', 'kafka'] };
