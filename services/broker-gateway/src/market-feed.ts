import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { sessionKey, topics, type InstrumentQuote, type MarketRecord } from '@tradecore/events';
import type { KafkaClient, EventBus } from '@tradecore/messaging';
import { Health, tokens } from '@tradecore/service';
import { heartbeat, logger } from '@tradecore/telemetry';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import { NoUsableReply, type BrokerageInstrument, type BrokeragePrice } from './brokerage-port.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('market-feed');
/** A price that stays is told again so often, as long as the broker calls it new: readers refuse prices that are old. */
const repeatMs = 10_000;
const instrumentsMs = { paper: 5_000, alpaca: 60_000 }; // Alpaca lists 11,000
/** Symbols of one question for prices, and records of one batch: a market of any size is read and published in slices of so many. */
const sliceSize = 1_000;
/** Questions about one slice: three symbols that are refused are found with 60. */
const questionsLimit = 64;

/** Reads instruments, prices and the session from the broker, keeps the prices, and publishes what changed on `transport.market-data`. */
@Injectable()
export class MarketFeed implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly bus: EventBus;
  private readonly told = new Map<string, MarketRecord>();
  private instruments: readonly BrokerageInstrument[] = [];
  /** Symbols that the brokerage lists and has no prices for: not asked again until the list is read again. */
  private unpriced = new Set<string>();
  private instrumentsAt = -Infinity;
  private wholeAt = performance.now();
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    @Inject(Brokerage) private readonly brokerage: Brokerage,
    @Inject(tokens.kafka) kafka: KafkaClient,
    @Inject(Health) health: Health,
  ) {
    this.bus = kafka.eventBus();
    // A brokerage that is away is no reason to take this process out: the age is a metric with an alert.
    health.add({
      name: 'market',
      check: () => ({ ok: true, state: `${this.instruments.length} instruments, published whole ${this.ageSeconds} s ago` }),
    });
  }

  private readonly attempt = heartbeat('market-feed');

  /** Last price of a symbol as this process knows it; undefined until the broker said. */
  lastPrice(symbol: string): string | undefined {
    const record = this.told.get(symbol);
    return record?.kind === 'instrument' ? record.lastPrice : undefined;
  }

  onApplicationBootstrap(): void {
    this.next(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.round;
  }

  private get ageSeconds(): number {
    return Math.round((performance.now() - this.wholeAt) / 1000);
  }

  private next(ms: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.round = this.tell().finally(() => this.next(this.brokerage.config.BROKER_PRICE_MS));
    }, ms);
  }

  /** One round: the list of instruments when it is due, then each slice of it. What fails is left for the next round, and holds up nothing else. */
  private async tell(): Promise<void> {
    const isDue = performance.now() - this.instrumentsAt > instrumentsMs[this.brokerage.config.BROKER];
    let isWhole = !isDue || (await this.part(() => this.readMarket()));
    for (let from = 0; from < this.instruments.length && !this.stopped; from += sliceSize) {
      const slice = this.instruments.slice(from, from + sliceSize);
      const isPublished = await this.part(async () => this.publish(await this.quotes(slice)));
      gatewayMetrics.slices.inc({ outcome: isPublished ? 'published' : 'failed' });
      isWhole &&= isPublished;
    }
    if (isWhole) this.wholeAt = performance.now();
    gatewayMetrics.marketAge.set(this.ageSeconds);
  }

  /** Whether it was done. */
  private async part(work: () => Promise<void>): Promise<boolean> {
    try {
      await this.attempt(work);
      return true;
    } catch (error) {
      log.warn({ err: error }, 'a part of the market was not read or published: the next round tries it again');
      return false;
    }
  }

  private async readMarket(): Promise<void> {
    this.instruments = await this.brokerage.port.instruments();
    this.unpriced = new Set();
    gatewayMetrics.listed.set(this.instruments.length);
    const { now, isOpen, nextOpen, nextClose } = await this.brokerage.port.clock();
    await this.publish([{ kind: 'session', isOpen, nextOpen, nextClose, at: now }]);
    this.instrumentsAt = performance.now();
  }

  private async quotes(slice: readonly BrokerageInstrument[]): Promise<InstrumentQuote[]> {
    const wanted = this.brokerage.config.BROKER_SYMBOLS;
    const symbols = slice.map(({ symbol }) => symbol).filter((each) => wanted.length === 0 || wanted.includes(each));
    const found = await this.pricesOf(symbols, { left: questionsLimit });
    const prices = new Map(found.map((each) => [each.symbol, each]));
    return slice.map((instrument) => {
      const price = prices.get(instrument.symbol);
      return { kind: 'instrument', ...instrument, ...(price && { lastPrice: price.price, pricedAt: price.at }) };
    });
  }

  /** One symbol that the brokerage refuses takes the whole question with it: halves are asked until it stands alone. */
  private async pricesOf(symbols: readonly string[], questions: { left: number }): Promise<readonly BrokeragePrice[]> {
    const asked = symbols.filter((symbol) => !this.unpriced.has(symbol));
    if (asked.length === 0) return [];
    try {
      questions.left -= 1;
      return await this.brokerage.port.lastPrices(asked);
    } catch (error) {
      if (!(error instanceof NoUsableReply && error.isRefusal) || questions.left <= 0) throw error;
      if (asked.length === 1) {
        this.unpriced.add(asked[0]!);
        return [];
      }
      const half = Math.ceil(asked.length / 2);
      const first = await this.pricesOf(asked.slice(0, half), questions);
      return [...first, ...(await this.pricesOf(asked.slice(half), questions))];
    }
  }

  private isNews(record: MarketRecord): boolean {
    const before = this.told.get(keyOf(record));
    if (!before) return true;
    if (record.kind === 'session') return JSON.stringify({ ...before, at: '' }) !== JSON.stringify({ ...record, at: '' });
    const { pricedAt: was, ...old } = before as InstrumentQuote;
    const { pricedAt: is, ...now } = record;
    return JSON.stringify(old) !== JSON.stringify(now) || Date.parse(is ?? '') - Date.parse(was ?? '') >= repeatMs;
  }

  /** Publishes what is news of at most a slice of records. */
  private async publish(records: readonly MarketRecord[]): Promise<void> {
    const news = records.filter((record) => this.isNews(record));
    if (news.length === 0) return;
    const messages = news.map((record) => ({ key: keyOf(record), value: Buffer.from(JSON.stringify(record)) }));
    await this.bus.publishBatch(topics.marketData.name, messages);
    for (const record of news) this.told.set(keyOf(record), record);
    gatewayMetrics.prices.inc(news.length);
  }
}

const keyOf = (record: MarketRecord): string => (record.kind === 'session' ? sessionKey : record.symbol);
