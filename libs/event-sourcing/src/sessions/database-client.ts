import type { Socket } from 'node:net';
import pg from 'pg';
import { endsSession } from './database-faults.ts';

/** A server that does not answer the termination in time is disconnected by force. */
const endWithinMs = 1_000;

/**
 * Defaults of every connection. An idle one is probed after 10 s, ten times in 10 s; an unanswered statement ends by
 * its own limit.
 */
const limits = { keepAlive: true, keepAliveInitialDelayMillis: 10_000, connectionTimeoutMillis: 5_000, query_timeout: 20_000 };

/** Limits that the server keeps for a session. PgBouncer refuses them as startup parameters: they are set afterwards. */
const ofSession = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];

/** A pool's password is not enumerable, but readable here. */
function withLimits(config: pg.ClientConfig): pg.ClientConfig {
  const all: Record<string, unknown> = Object.defineProperties({}, Object.getOwnPropertyDescriptors(config));
  for (const [name, limit] of Object.entries(limits)) all[name] ??= limit;
  if (config.connectionString !== undefined) all['connectionString'] = asLibpqReads(config.connectionString);
  return all;
}

/** The driver takes every `sslmode` for `verify-full`; PostgreSQL's own programs, which get the same URL, do not. */
const asLibpqReads = (url: string): string => (/[?&]sslmode=/.test(url) ? `${url}&uselibpqcompat=true` : url);

/**
 * How long to wait, in ms, for a statement that the server ends after `statementMs`: the answer may take 2 s to arrive.
 */
export const answerWithin = (statementMs: number): number => statementMs + 2_000;

/** The `extra` of a DataSource: its connections, with statement limits in ms on the server and here. */
export const poolLimits = (statementMs: number) => ({
  ...limits,
  Client: DatabaseClient,
  statement_timeout: statementMs,
  query_timeout: answerWithin(statementMs),
});

/**
 * Every connection of ours to PostgreSQL, pooled or not: bounded in time, even if the server vanishes silently. After
 * an error that ends the session (`endsSession`) it closes itself, so that no pool keeps it.
 */
export class DatabaseClient extends pg.Client {
  readonly #limits: string;

  constructor(config: pg.ClientConfig = {}) {
    super(withLimits(config));
    const { connectionParameters: startup } = this as unknown as { readonly connectionParameters: Record<string, unknown> };
    const set = ofSession.filter((name) => startup[name]);
    this.#limits = set.map((name) => `set ${name} = ${Number.parseInt(String(startup[name]), 10)}`).join('; ');
    for (const name of set) startup[name] = undefined;
    // The current or next statement fails with it: no listener needed.
    this.on('error', () => undefined);
    const query = this.query.bind(this) as (...statement: unknown[]) => unknown;
    this.query = ((...statement: unknown[]) => {
      const answer = query(...statement);
      return answer instanceof Promise ? answer.catch((error: unknown) => this.#judge(error)) : answer;
    }) as typeof this.query;
  }

  /** Connects, and sets the session's limits: without them it is not given to anybody. */
  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<pg.Client> | undefined {
    const connected = super.connect().then(async () => {
      if (this.#limits !== '')
        await this.query(this.#limits).catch((error: unknown) => this.end().then(() => Promise.reject(error as Error)));
      return this;
    });
    if (!callback) return connected;
    void connected.then(() => (callback as () => void)(), callback);
    return undefined;
  }

  /** Ends it, by force if the server does not answer: a network partition must not block a restart. Never throws. */
  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    const { stream } = (this as unknown as { readonly connection: { readonly stream: Socket } }).connection;
    const timer = setTimeout(() => stream.destroy(), endWithinMs);
    const ended = super.end().then(
      () => clearTimeout(timer),
      () => void stream.destroy(),
    );
    if (!callback) return ended;
    void ended.then(() => (callback as () => void)());
    return undefined;
  }

  /** Runs before the caller sees the error and may return the session. */
  #judge(error: unknown): never {
    if (endsSession(error)) void this.end();
    throw error;
  }
}
