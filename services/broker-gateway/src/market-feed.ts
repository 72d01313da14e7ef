import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { sessionKey, topics, type InstrumentQuote, type MarketRecord, type MarketSession } from '@tradecore/events';
import type { KafkaClient, EventBus } from '@tradecore/messaging';
import { tokens } from '@tradecore/service';
import { heartbeat, logger } from '@tradecore/telemetry';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import type { BrokerageInstrument } from './brokerage-port.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('market-feed');
/** A price that stays is told again so often, as long as the broker calls it new: readers refuse prices that are old. */
const repeatMs = 10_000;
const instrumentsMs = { paper: 5_000, alpaca: 60_000 }; // Alpaca lists 11,000

/** Reads instruments, prices and the session from the broker, keeps the prices, and publishes what changed on `transport.market-data`. */
@Injectable()
export class MarketFeed implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly bus: EventBus;
  private readonly told = new Map<string, MarketRecord>();
  private instruments = new Map<string, BrokerageInstrument>();
  private instrumentsAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    @Inject(Brokerage) private readonly brokerage: Brokerage,
    @Inject(tokens.kafka) kafka: KafkaClient,
  ) {
    this.bus = kafka.eventBus();
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

  private next(ms: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.round = this.attempt(() => this.tell()).finally(() => this.next(this.brokerage.config.BROKER_PRICE_MS));
    }, ms);
  }

  private async tell(): Promise<void> {
    try {
      const records: MarketRecord[] = [];
      if (performance.now() - this.instrumentsAt > instrumentsMs[this.brokerage.config.BROKER])
        records.push(await this.readMarket());
      records.push(...(await this.quotes()));
      await this.publish(records.filter((record) => this.isNews(record)));
    } catch (error) {
      log.warn({ err: error }, 'no market data this time');
    }
  }

  private async readMarket(): Promise<MarketSession> {
    const instruments = await this.brokerage.port.instruments();
    this.instruments = new Map(instruments.map((each) => [each.symbol, each]));
    const { now, isOpen, nextOpen, nextClose } = await this.brokerage.port.clock();
    this.instrumentsAt = performance.now();
    return { kind: 'session', isOpen, nextOpen, nextClose, at: now };
  }

  private async quotes(): Promise<InstrumentQuote[]> {
    const wanted = this.brokerage.config.BROKER_SYMBOLS;
    const symbols = wanted.length > 0 ? wanted.filter((each) => this.instruments.has(each)) : [...this.instruments.keys()];
    const prices = new Map((await this.brokerage.port.lastPrices(symbols)).map((each) => [each.symbol, each]));
    return [...this.instruments.values()].map(({ symbol, tick, lot, halted }) => {
      const price = prices.get(symbol);
      return {
        ...{ kind: 'instrument', symbol, tick, lot, halted },
        ...(price && { lastPrice: price.price, pricedAt: price.at }),
      };
    });
  }

  private isNews(record: MarketRecord): boolean {
    const before = this.told.get(keyOf(record));
    if (!before) return true;
    if (record.kind === 'session') return JSON.stringify({ ...before, at: '' }) !== JSON.stringify({ ...record, at: '' });
    const { pricedAt: was, ...old } = before as InstrumentQuote;
    const { pricedAt: is, ...now } = record;
    return JSON.stringify(old) !== JSON.stringify(now) || Date.parse(is ?? '') - Date.parse(was ?? '') >= repeatMs;
  }

  private async publish(records: readonly MarketRecord[]): Promise<void> {
    if (records.length === 0) return;
    const messages = records.map((record) => ({ key: keyOf(record), value: Buffer.from(JSON.stringify(record)) }));
    await this.bus.publishBatch(topics.marketData.name, messages);
    for (const record of records) this.told.set(keyOf(record), record);
    gatewayMetrics.prices.inc(records.length);
  }
}

const keyOf = (record: MarketRecord): string => (record.kind === 'session' ? sessionKey : record.symbol);
