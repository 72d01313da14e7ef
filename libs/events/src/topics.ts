const day = 24 * 60 * 60 * 1000;

/** A topic: its contents, its key, its writer, and its retention. */
export interface TopicDeclaration {
  readonly name: string;
  readonly key: string;
  readonly carries: string;
  /**
   * `relay`: stored events, written only by the outbox relay. `services`: whichever the design names, by
   * `EventBus.publish`.
   */
  readonly writer: 'relay' | 'services' | 'nobody';
  /** Milliseconds; absent for compacted topics. */
  readonly retentionMs?: number;
  readonly compacted?: boolean;
  readonly partitions: number;
}

const stored = (name: string, carries: string, key = 'aggregate id'): TopicDeclaration => ({
  name,
  key,
  carries,
  writer: 'relay',
  retentionMs: 7 * day,
  partitions: 6,
});

/** Every topic of the fleet. Created or verified at startup; none is ever created automatically. */
export const topics = {
  orderEvents: stored('transport.order-events', 'stored events of Order'),
  accountEvents: stored('transport.account-events', 'stored events of Account'),
  brokerEvents: stored('transport.broker-events', 'stored events of BrokerOrder'),
  controlEvents: stored('transport.control-events', 'stored events of TradingControl, OrderKey and Operation'),
  orderPlacement: stored(
    'saga.order-placement',
    "the saga's steps: each is a stored event and a command",
    "id of the aggregate it asks, else the saga's",
  ),
  corrections: stored(
    'saga.corrections',
    'stored events of Correction: what an operator asks an owner',
    'id of the aggregate it asks',
  ),
  marketData: {
    name: 'transport.market-data',
    key: 'symbol',
    carries: 'last price and instrument (tick, lot, halted)',
    writer: 'services',
    compacted: true,
    partitions: 6,
  },
  deadLetters: {
    name: 'system.dlq-events',
    key: 'group/topic/partition/offset',
    carries: 'what could not be handled: reason, attempts, stack, original bytes and headers',
    writer: 'services',
    compacted: true,
    partitions: 6,
  },
  relayPosition: {
    name: 'system.relay-position',
    key: '-',
    carries: "nothing, ever: the relay's position is a committed offset on it",
    writer: 'nobody',
    retentionMs: 7 * day,
    partitions: 1,
  },
  reconciliationReports: {
    name: 'system.reconciliation-reports',
    key: 'check name',
    carries: 'findings of the reconciler',
    writer: 'services',
    retentionMs: 30 * day,
    partitions: 6,
  },
  userNotifications: {
    name: 'alerts.user-notifications',
    key: 'account id',
    carries: 'notices for people',
    writer: 'services',
    retentionMs: 7 * day,
    partitions: 6,
  },
} as const satisfies Record<string, TopicDeclaration>;

/**
 * The notifier and its topics: one for each kind of notice, so that no notice is written twice. Only the broker holds its
 * positions.
 */
export const noticesGroup = {
  name: 'notifier',
  topics: [topics.orderEvents.name, topics.accountEvents.name, topics.controlEvents.name],
} as const;
