import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { sessionKey, topics, type InstrumentQuote, type MarketRecord } from '@tradecore/events';
import type { KafkaClient, EventBus } from '@tradecore/messaging';
import { Health, tokens } from '@tradecore/service';
import { heartbeat, logger } from '@tradecore/telemetry';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import { NoUsableReply, type BrokerageInstrument, type BrokeragePrice } from './brokerage-port.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('market-feed');
/** An unchanged price with a newer time is published again this often: readers refuse old prices. */
const repeatMs = 10_000;
const instrumentsMs = { paper: 5_000, alpaca: 60_000 }; // Alpaca lists 11,000
/** Symbols per price request, and records per batch: a market of any size is read and published in slices. */
const sliceSize = 1_000;
/** Price requests per slice: 60 find three refused symbols. */
const questionsLimit = 64;

/** Reads instruments, prices and the session, keeps the prices, and publishes changes on `transport.market-data`. */
@Injectable()
export class MarketFeed implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly bus: EventBus;
  private readonly told = new Map<string, MarketRecord>();
  private instruments: readonly BrokerageInstrument[] = [];
  /** Listed symbols without prices: not requested again until the list is read again. */
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
    // Always ok: an unavailable brokerage must not make this process unready. The age is a metric with an alert.
    health.add({
      name: 'market',
      check: () => ({
        ok: true,
        state: `${this.instruments.length} instruments, whole market published ${this.ageSeconds} s ago`,
      }),
    });
  }

  private readonly attempt = heartbeat('market-feed');

  /** The last price that this process knows of a symbol; undefined before the first. */
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

  /** One round: the list of instruments if due, then each slice. A failed part waits for the next round, alone. */
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

  /** Returns whether it succeeded. */
  private async part(work: () => Promise<void>): Promise<boolean> {
    try {
      await this.attempt(work);
      return true;
    } catch (error) {
      log.warn({ err: error }, 'could not read or publish part of the market; the next round retries');
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

  /** One refused symbol fails the whole request: it is split in halves until that symbol is alone. */
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

  /** Publishes what is new among at most one slice of records. */
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
