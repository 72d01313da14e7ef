import { isDeepStrictEqual } from 'node:util';
import { etagOf } from '@tradecore/api';
import { StoreIdentity } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { freshId, topics, type MarketRecord } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { MarketData } from '@tradecore/market-data';
import { publishMarket, sampleQuote, sampleSession } from '@tradecore/market-data/testing';
import type { RunningService } from '@tradecore/service';
import { createTestIssuer, startTestService, type TestIssuer, type TokenOptions } from '@tradecore/service/testing';
import { commandApi } from '../src/command-api.module.ts';
import { Settlements, type Word } from './settlements.ts';

/** An answer, with its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** How a test request may differ from a valid one. */
export interface Sending {
  /** The whole Authorization header; null sends none. */
  readonly authorization?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: POST. */
  readonly method?: string;
  /** Cancels the request. */
  readonly signal?: AbortSignal | null;
}

/** The settings of one test's database, broker and issuer, which several processes may share. */
export interface Surroundings {
  readonly database: TestDatabase;
  readonly kafka: TestKafka;
  readonly issuer: TestIssuer;
}

/**
 * The real command-api in this process, with its own database, namespace and issuer, a market in which ACME trades at
 * 100, and a client that owns `account`, opened with 1,000,000.
 */
export class RunningCommandApi {
  account = '';
  /** Of the store when the test began: in ETags and tokens. */
  epoch = '';
  private authorization = '';
  private settlements: Settlements | undefined;

  private constructor(
    readonly around: Surroundings,
    private readonly service: RunningService,
  ) {}

  static async start(env: Readonly<Record<string, string>> = {}): Promise<RunningCommandApi> {
    const [database, kafka, issuer] = await Promise.all([
      createTestDatabase(),
      createTestKafka({ declarations: [topics.marketData] }),
      createTestIssuer(),
    ]);
    await publishMarket(kafka.kafka, sampleSession(), sampleQuote(), sampleQuote({ symbol: 'HALT', halted: true }));
    const running = await RunningCommandApi.beside({ database, kafka, issuer }, env);
    running.authorization = await running.bearer([], { subject: 'client', scope: everything });
    const opened = await running.post('/v1/accounts', {}, { headers: { 'idempotency-key': 'own' } });
    running.account = opened.body['id'] as string;
    await running.deposit('1000000');
    return running;
  }

  /** Another process of the service, like a second replica. Its `stop` keeps the shared servers. */
  static async beside(
    around: Surroundings,
    env: Readonly<Record<string, string>> = {},
    { withMarket = true } = {},
  ): Promise<RunningCommandApi> {
    const { database, kafka, issuer } = around;
    const service = await startTestService(commandApi, {
      DATABASE_URL: database.urlFor('command-api'),
      KAFKA_BROKERS: kafka.brokers.join(','),
      REDIS_URL: process.env['REDIS_URL'] ?? '',
      NAMESPACE: kafka.namespace,
      ...issuer.env,
      ...env,
    });
    const running = new RunningCommandApi(around, service);
    running.epoch = (await new StoreIdentity(database.dataSource).current()).epoch;
    while (withMarket && !running.marketData.ready) await new Promise((resolve) => setTimeout(resolve, 10));
    return running;
  }

  /** Another client of the same service. */
  as(account: string, authorization: string): RunningCommandApi {
    const other = new RunningCommandApi(this.around, this.service);
    other.account = account;
    other.epoch = this.epoch;
    other.authorization = authorization;
    return other;
  }

  /** A client with its own empty account. */
  async newClient(subject: string = freshId()): Promise<RunningCommandApi> {
    const authorization = await this.bearer([], { subject, scope: everything });
    const { body } = await this.post('/v1/accounts', {}, { authorization, headers: { 'idempotency-key': 'first' } });
    return this.as(body['id'] as string, authorization);
  }

  /** The ETag of a version. */
  tag(version: number): string {
    return etagOf({ version, epoch: this.epoch });
  }

  /** The Authorization header of this client. */
  get bearerText(): string {
    return this.authorization;
  }

  get database(): TestDatabase {
    return this.around.database;
  }

  get issuer(): TestIssuer {
    return this.around.issuer;
  }

  /** The market data of this process. */
  get marketData(): MarketData {
    return this.service.app.get(MarketData, { strict: false });
  }

  /** Publishes market data and waits until this process has read it. */
  async market(...records: readonly MarketRecord[]): Promise<void> {
    await publishMarket(this.around.kafka.kafka, ...records);
    const read = this.marketData;
    const known = (record: MarketRecord) =>
      isDeepStrictEqual(record.kind === 'session' ? read.session() : read.quote(record.symbol), record);
    while (!records.every(known)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Applies the brokerage's answers for an order of this client, as its saga does. */
  async brokerage(orderId: string, ...words: readonly Word[]): Promise<void> {
    this.settlements ??= new Settlements(await this.database.dataSourceFor('order-saga'), this.account);
    await this.settlements.settle({ orderId, words });
  }

  /** Places an order that the brokerage works. */
  async working(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { body } = await this.post('/v1/orders', this.terms(changes));
    const id = body['id'] as string;
    await this.brokerage(id, { says: 'accepted' });
    return id;
  }

  /** Deposits money into the client's account, as the treasury does. */
  async deposit(amount: string): Promise<void> {
    await this.payIn({ amount });
  }

  /** Makes a deposit of the treasury and returns its answer. */
  async payIn(body: object, key: string = freshId()): Promise<Answer> {
    const authorization = await this.bearer([], { subject: 'till', role: 'treasury' });
    return this.post(`/v1/accounts/${this.account}/deposits`, body, { authorization, headers: { 'idempotency-key': key } });
  }

  /** Ends this process. */
  stopService(): Promise<void> {
    return this.service.stop();
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.settlements?.close();
    await Promise.all([this.issuer.close(), this.database.drop(), this.around.kafka.drop()]);
  }

  get adminUrl(): string {
    return this.service.adminUrl;
  }

  get url(): string {
    if (!this.service.url) throw new Error('the service has no URL');
    return this.service.url;
  }

  /** Terms for the client's account, under a new name. */
  terms(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { ...sampleTerms({ accountId: this.account, clientOrderId: freshId() }), ...changes };
  }

  async bearer(accounts: readonly string[], more: TokenOptions = {}): Promise<string> {
    return `Bearer ${await this.issuer.token({ accounts, ...more })}`;
  }

  /** Sends a body as JSON, or unchanged if it is a string or undefined. */
  async post(
    path: string,
    body?: unknown,
    { authorization = this.authorization, headers = {}, method = 'POST', signal = null }: Sending = {},
  ): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), {
      method,
      signal,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(authorization !== null && { authorization }),
        ...headers,
      },
      ...(body !== undefined && { body: textOf(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  /** Who a subject is in events. */
  async personOf(subject: string): Promise<string | undefined> {
    const query = 'select person from people where subject = $1';
    const [row] = await this.database.dataSource.query<{ person: string }[]>(query, [subject]);
    return row?.person;
  }

  /** The version of an aggregate in the store. */
  async versionOf(aggregateId: string): Promise<number> {
    const query = 'select version from stream_heads where aggregate_id = $1';
    const [row] = await this.database.dataSource.query<{ version: number }[]>(query, [aggregateId]);
    return row?.version ?? 0;
  }

  /** The number of events in the store. */
  async stored(): Promise<number> {
    const [row] = await this.database.dataSource.query<[{ count: number }]>('select count(*)::int as count from event_store');
    return row.count;
  }
}

/** Every scope of a client. */
const everything = 'read trade transfer';

const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));
