import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { tokens } from '@tradecore/service';
import { heartbeat, logger } from '@tradecore/telemetry';
import type { FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import { accountRoutes } from './account.http.ts';
import { Accounts } from './accounts.ts';
import { controlRoutes } from './control.http.ts';
import { Desk, type DeskOptions } from './desk.ts';
import { createDoor } from './door.ts';
import { alwaysOpen, Exchange, newYork } from './exchange/index.ts';
import { marketRoutes } from './market.http.ts';
import { MarketStream } from './market-stream.ts';
import { FaultInjection } from './fault-injection.ts';
import type { PaperConfig } from './paper-broker.config.ts';
import { RateLimit } from './rate-limit.ts';
import { StateFile } from './state-file.ts';
import { Streams, type StreamRoute } from './streams.ts';
import { TradeUpdates } from './trade-updates.ts';
import { orderRoutes } from './trading.http.ts';

const log = logger('paper-broker');

/** The broker. It has its own HTTP server on HOST:PORT, because its errors and keys are Alpaca's. */
@Injectable()
export class PaperBroker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #state: StateFile | undefined;
  readonly #accounts: Accounts;
  readonly #desk: Desk;
  readonly #faultInjection: FaultInjection;
  readonly #updates: TradeUpdates;
  readonly #prices: MarketStream;
  readonly #door: FastifyInstance;
  readonly #streams: Streams;
  #awayUntil = 0;
  /** Base URL; set once the service has started. */
  url = '';

  constructor(@Inject(tokens.config) private readonly config: PaperConfig) {
    this.#state = config.PAPER_STATE === undefined ? undefined : new StateFile(config.PAPER_STATE);
    const exchange = exchangeOf(config, this.#state);
    this.#accounts = new Accounts(this.#state);
    this.#updates = new TradeUpdates(this.#accounts, exchange);
    const publish: DeskOptions['publish'] = (updates) => this.#updates.publish(updates);
    this.#desk = new Desk({ exchange, state: this.#state, tickMs: config.PAPER_TICK_MS, publish });
    this.#faultInjection = new FaultInjection(this.#desk);
    this.#prices = new MarketStream(this.#accounts, exchange);
    this.#door = this.#openDoor(exchange);
    const routes: readonly StreamRoute[] = [
      { path: /^\/stream$/, take: (socket) => this.#updates.take(socket) },
      { path: /^\/v2\/[a-z]+$/, take: (socket) => this.#prices.take(socket) },
    ];
    this.#streams = new Streams(this.#door.server, routes, () => this.#isAway());
  }

  async onApplicationBootstrap(): Promise<void> {
    const { PAPER_KEY_ID: keyId, PAPER_SECRET_KEY: secret, PAPER_CASH: cash, HOST: host, PORT: port } = this.config;
    const { id } = this.#accounts.addFirst(keyId, secret);
    this.#desk.exchange.open(id, cash, Date.now());
    const attempt = heartbeat('market');
    this.#desk.start(() => void attempt(async () => this.#prices.publish()));
    this.url = await this.#door.listen({ host, port });
    log.info({ url: this.url, seed: this.config.PAPER_SEED, state: this.config.PAPER_STATE ?? 'in memory' }, 'trading');
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#faultInjection.stop();
    await this.#streams.stop();
    await this.#door.close();
    this.#updates.stop();
    this.#desk.stop();
  }

  #openDoor(exchange: Exchange): FastifyInstance {
    const rateLimit = new RateLimit(this.config.PAPER_RATE_LIMIT);
    const door = createDoor({ accounts: this.#accounts, rateLimit, isAway: () => this.#isAway() });
    const counter = { door, exchange, faultInjection: this.#faultInjection };
    orderRoutes(counter);
    accountRoutes(counter);
    marketRoutes(counter);
    controlRoutes(door, { desk: this.#desk, accounts: this.#accounts, leave: (ms) => this.#leave(ms) });
    return door;
  }

  #isAway(): boolean {
    return Date.now() < this.#awayUntil;
  }

  #leave(ms: number): void {
    this.#awayUntil = Date.now() + ms;
    this.#streams.cut();
  }
}

function exchangeOf(config: PaperConfig, state: StateFile | undefined): Exchange {
  const exchange = new Exchange({
    seed: config.PAPER_SEED,
    partialFills: config.PAPER_PARTIAL_FILLS,
    walks: config.PAPER_WALK,
    replaceCarriesFills: config.PAPER_REPLACE_CARRIES_FILLS,
    session: config.PAPER_SESSION === 'nyse' ? newYork : alwaysOpen,
    // Not from the seed: without a state, ids of the last run would repeat, and clients would take new executions for
    // old ones.
    newId: randomUUID,
    tracked: state !== undefined,
  });
  if (state) exchange.restore(state.read());
  return exchange;
}
