import type { Socket } from 'node:net';
import pg from 'pg';
import { endsSession } from './database-faults.ts';

/** A server that does not answer the goodbye is disconnected by force. */
const endWithinMs = 1_000;

/** What every connection has. A way that is silent is probed after 10 s, ten times in 10 s; a question that nobody takes is given up by its own limit. */
const limits = { keepAlive: true, keepAliveInitialDelayMillis: 10_000, connectionTimeoutMillis: 5_000, query_timeout: 20_000 };

/** A pool hides its password from enumeration, not from this. */
function withLimits(config: pg.ClientConfig): pg.ClientConfig {
  const all: Record<string, unknown> = Object.defineProperties({}, Object.getOwnPropertyDescriptors(config));
  for (const [name, limit] of Object.entries(limits)) all[name] ??= limit;
  return all;
}

/** How long to wait for a statement that the server ends after so long: its word may be on the way for 2 s. In ms. */
export const answerWithin = (statementMs: number): number => statementMs + 2_000;

/** For the `extra` of a DataSource: its connections, with the limits of a statement at the server and here, in ms. */
export const poolLimits = (statementMs: number) => ({
  ...limits,
  Client: DatabaseClient,
  statement_timeout: statementMs,
  query_timeout: answerWithin(statementMs),
});

/**
 * Every connection to PostgreSQL of ours, in a pool or alone: bounded in time, also where the server vanishes without a word. After an error that ends
 * the session (`endsSession`) it ends itself, so that no pool keeps it.
 */
export class DatabaseClient extends pg.Client {
  constructor(config: pg.ClientConfig = {}) {
    super(withLimits(config));
    // The statement under way, or the next one, fails with it: nobody needs to listen.
    this.on('error', () => undefined);
    const query = this.query.bind(this) as (...statement: unknown[]) => unknown;
    this.query = ((...statement: unknown[]) => {
      const answer = query(...statement);
      return answer instanceof Promise ? answer.catch((error: unknown) => this.#judge(error)) : answer;
    }) as typeof this.query;
  }

  /** Ends it, by force if the server does not answer: a partition must not hold up whoever wants to start over. Never throws. */
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

  /** Before whoever asked hears of it, and may give the session back. */
  #judge(error: unknown): never {
    if (endsSession(error)) void this.end();
    throw error;
  }
}
