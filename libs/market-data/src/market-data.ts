import { freshId, sessionKey, topics, type InstrumentQuote, type MarketRecord, type MarketSession } from '@tradecore/events';
import {
  markOf,
  partitionKey,
  type AssignedPartition,
  type Batch,
  type IncomingMessage,
  type KafkaClient,
  type TopicPartition,
} from '@tradecore/messaging';
import { decimal, decimalRefusal, isPositive } from '@tradecore/money';
import { counter, gauge, logger, setWhenRead } from '@tradecore/telemetry';
import { symbolShape } from '@tradecore/trading';
import { z } from 'zod';

/** Most symbols kept: a market has some ten thousand. Further ones are counted as invalid and ignored. */
const symbolsLimit = 50_000;

const positive = z
  .string()
  .refine((text) => decimalRefusal(text) === undefined && isPositive(decimal(text)), 'must be a decimal greater than zero')
  .transform((text): string => decimal(text));
const time = z.iso.datetime({ offset: true });

/** A record of `transport.market-data`. Unknown fields are dropped: the writer may be newer than the reader. */
const marketRecord: z.ZodType<MarketRecord> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('instrument'),
    symbol: z.string().regex(symbolShape),
    lastPrice: positive.optional(),
    pricedAt: time.optional(),
    tick: positive,
    tickBelowOne: positive.optional(),
    lot: positive,
    halted: z.boolean(),
  }),
  z.object({ kind: z.literal('session'), isOpen: z.boolean(), nextOpen: time, nextClose: time, at: time }),
]) as z.ZodType<MarketRecord>;

const log = logger('market-data');
const records = counter({
  name: 'tradecore_market_data_records_total',
  help: 'Market data records read, by outcome.',
  labels: { outcome: ['taken', 'removed', 'invalid'] },
});
const instruments = gauge({ name: 'tradecore_market_data_instruments', help: 'Instruments known to this process.' });
const marketOpen = gauge({ name: 'tradecore_market_open', help: '1 while the market is open, as this process knows it.' });
const priceAge = gauge({
  name: 'tradecore_market_data_newest_price_age_seconds',
  help: 'Age of the newest price that this process knows; infinite without one.',
});

/**
 * Last prices, instruments and the session, in memory: `transport.market-data` is read in full at start, then followed.
 */
export class MarketData {
  readonly #quotes = new Map<string, InstrumentQuote>();
  #session: MarketSession | undefined;
  /** Where each partition resumes after a rejoin; nothing is committed. */
  readonly #offsets = new Map<string, bigint>();
  /** The log that each offset belongs to: a mark, and the topic's id when the partition was assigned. */
  readonly #marks = new Map<string, string>();
  readonly #topicIds = new Map<string, string | undefined>();
  /** Partitions not yet read up to the end that they had when they were assigned. */
  #unread: Map<string, bigint> | undefined;
  #stop: () => Promise<void> = () => Promise.resolve();
  /** Milliseconds since 1970. */
  #newestPrice = -Infinity;

  constructor() {
    setWhenRead(priceAge, () => {
      priceAge.set((Date.now() - this.#newestPrice) / 1000);
    });
  }

  /** An instrument and its last price; undefined for a symbol that the market does not have. */
  quote(symbol: string): InstrumentQuote | undefined {
    return this.#quotes.get(symbol);
  }

  /** The number of known instruments. */
  get instruments(): number {
    return this.#quotes.size;
  }

  /** Whether the market is open; undefined until the topic has a session. */
  session(): MarketSession | undefined {
    return this.#session;
  }

  /** True once everything in the topic at the start has been read; at once for an empty topic. */
  get ready(): boolean {
    return this.#unread?.size === 0;
  }

  /** Starts reading under its own consumer group, until `stop` or until the Kafka client is closed. */
  start(kafka: Pick<KafkaClient, 'runConsumer' | 'topicIds' | 'otherLogs'>): void {
    const consumer = kafka.runConsumer({
      group: `market-data-${freshId()}`,
      topics: [topics.marketData.name],
      positions: async (assigned) => this.#startOf(assigned, await this.#others(kafka, assigned)),
      onBatch: (batch) => Promise.resolve(this.#take(batch)),
      onPassed: (position) => this.#reached(position),
    });
    this.#stop = () => consumer.stop();
  }

  /** Stops reading; the data stays. */
  stop(): Promise<void> {
    return this.#stop();
  }

  /** For tests and simulations: acts as if this record had been read. */
  set(record: MarketRecord): void {
    if (record.kind === 'session') {
      this.#session = record;
      marketOpen.set(record.isOpen ? 1 : 0);
      return;
    }
    if (!this.#quotes.has(record.symbol) && this.#quotes.size >= symbolsLimit)
      throw new RangeError(`more than ${symbolsLimit} symbols`);
    this.#quotes.set(record.symbol, record);
    this.#newestPrice = Math.max(this.#newestPrice, Date.parse(record.pricedAt ?? '') || -Infinity);
    instruments.set(this.#quotes.size);
  }

  async #others(kafka: Pick<KafkaClient, 'topicIds' | 'otherLogs'>, assigned: readonly AssignedPartition[]) {
    const ids = await kafka.topicIds([topics.marketData.name]);
    for (const each of assigned) this.#topicIds.set(partitionKey(each), ids.get(each.topic));
    return kafka.otherLogs(assigned, this.#marks, ids);
  }

  #startOf(assigned: readonly AssignedPartition[], others: ReadonlySet<string>): ReadonlyMap<string, bigint> {
    for (const partition of assigned) {
      const key = partitionKey(partition);
      const position = this.#offsets.get(key);
      // Another log, or one that starts after or ends before our position, is read again in full.
      const isKnown = position !== undefined && position >= partition.startOffset && position <= partition.endOffset;
      if (isKnown && !others.has(key)) continue;
      this.#offsets.set(key, partition.startOffset);
      this.#marks.set(key, markOf(this.#topicIds.get(key)));
    }
    if (!this.#unread) {
      const filled = assigned.filter(({ startOffset, endOffset }) => startOffset < endOffset);
      this.#unread = new Map(filled.map((each) => [partitionKey(each), each.endOffset]));
    }
    return this.#offsets;
  }

  #take(batch: Batch): void {
    for (const message of batch.messages) this.#read(message);
    const key = partitionKey(batch);
    this.#marks.set(key, markOf(this.#topicIds.get(key), batch.messages.at(-1)));
    this.#reached(batch);
  }

  #reached(position: TopicPartition & { readonly nextOffset: bigint }): void {
    const key = partitionKey(position);
    this.#offsets.set(key, position.nextOffset);
    const end = this.#unread?.get(key);
    if (end !== undefined && position.nextOffset >= end) this.#unread?.delete(key);
  }

  #read({ key, value, partition, offset }: IncomingMessage): void {
    const name = key?.toString() ?? '';
    if (value === null) return this.#remove(name);
    try {
      const record = marketRecord.parse(JSON.parse(value.toString()));
      if ((record.kind === 'session' ? sessionKey : record.symbol) !== name) throw new Error('the key does not match the record');
      this.set(record);
      records.inc({ outcome: 'taken' });
    } catch (error) {
      records.inc({ outcome: 'invalid' });
      log.warn(
        { reason: (error as Error).message, key: name, partition, offset: String(offset) },
        'invalid market data record ignored',
      );
    }
  }

  #remove(symbol: string): void {
    this.#quotes.delete(symbol);
    if (symbol === sessionKey) this.#session = undefined;
    instruments.set(this.#quotes.size);
    records.inc({ outcome: 'removed' });
  }
}
