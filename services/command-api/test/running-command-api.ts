import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { freshId } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { readModelMigrations } from '@tradecore/read-models';
import type { RunningService } from '@tradecore/service';
import { createTestIssuer, startTestService, type TestIssuer } from '@tradecore/service/testing';
import { commandApi } from '../src/command-api.module.ts';

/** What came back, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** How a test may differ from a good request. */
export interface Sending {
  /** The whole Authorization header; null sends none. */
  readonly authorization?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The real command-api in this process, with a database and an issuer of its own, and a client that owns `account`. */
export class RunningCommandApi {
  readonly account = freshId();
  private authorization = '';

  private constructor(
    readonly database: TestDatabase,
    readonly issuer: TestIssuer,
    private readonly service: RunningService,
  ) {}

  static async start(): Promise<RunningCommandApi> {
    const [database, issuer] = await Promise.all([createTestDatabase({ migrations: readModelMigrations }), createTestIssuer()]);
    const env = { DATABASE_URL: database.urlFor('command-api'), ...issuer.env };
    const running = new RunningCommandApi(database, issuer, await startTestService(commandApi, env));
    running.authorization = await running.bearer([running.account]);
    return running;
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await Promise.all([this.issuer.close(), this.database.drop()]);
  }

  get url(): string {
    if (!this.service.url) throw new Error('no door');
    return this.service.url;
  }

  /** Terms of the client's account, under a name of their own. */
  terms(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { ...sampleTerms({ accountId: this.account, clientOrderId: freshId() }), ...changes };
  }

  async bearer(accounts: readonly string[]): Promise<string> {
    return `Bearer ${await this.issuer.token({ accounts })}`;
  }

  /** Sends a body as JSON, or as it is when it is a string or undefined. */
  async post(path: string, body?: unknown, { authorization = this.authorization, headers = {} }: Sending = {}): Promise<Answer> {
    const response = await fetch(new URL(path, this.url), {
      method: 'POST',
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(authorization !== null && { authorization }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  /** How many events the store holds. */
  async stored(): Promise<number> {
    const [row] = await this.database.dataSource.query<[{ count: number }]>('select count(*)::int as count from event_store');
    return row.count;
  }
}
