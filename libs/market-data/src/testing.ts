import { sessionKey, topics, type InstrumentQuote, type MarketRecord, type MarketSession } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';

/** ACME at 100.00, priced now, for tests; `changes` overrides single fields. */
export const sampleQuote = (changes: Partial<InstrumentQuote> = {}): InstrumentQuote => ({
  kind: 'instrument',
  symbol: 'ACME',
  lastPrice: '100',
  pricedAt: new Date().toISOString(),
  tick: '0.01',
  lot: '1',
  halted: false,
  ...changes,
});

/** A market that is open until the end of the UTC day, for tests. */
export function sampleSession(changes: Partial<MarketSession> = {}): MarketSession {
  const now = new Date();
  const midnight = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1)).toISOString();
  return { kind: 'session', isOpen: true, nextOpen: midnight, nextClose: midnight, at: now.toISOString(), ...changes };
}

/** Publishes records of market data, as the broker gateway does; resolves when Kafka has them. */
export function publishMarket(kafka: Pick<KafkaClient, 'eventBus'>, ...records: readonly MarketRecord[]): Promise<void> {
  const messages = records.map((record) => ({
    key: record.kind === 'session' ? sessionKey : record.symbol,
    value: JSON.stringify(record),
  }));
  return kafka.eventBus().publishBatch(topics.marketData.name, messages);
}
