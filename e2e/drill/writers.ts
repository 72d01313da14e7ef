import { setTimeout as pause } from 'node:timers/promises';
import { orderIdFor } from '@tradecore/events';
import type { Answer, Client } from '@tradecore/local/demo/client.ts';
import type { World } from '../world.ts';

/** A write under a key of its own: the same request again is the same write. */
export interface Write {
  readonly kind: 'order' | 'deposit' | 'cancel';
  readonly path: string;
  readonly body: object;
  readonly key: string;
  /** By which it is found in the store: the order, or the deposit's amount, which is no other's. */
  readonly subject: string;
}

/** A write that was acknowledged, and when. */
export interface Acknowledged extends Write {
  readonly at: number;
}

const resting = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '1', limitPrice: '92', timeInForce: 'gtc' };
const filling = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '2', limitPrice: '104', timeInForce: 'day' };

/** People who place orders, cancel some and are paid in; each repeats a request under its key until it is answered. */
export class Writers {
  readonly client: Client;
  readonly operator: Client;
  /** What they were told, in the order of time. */
  readonly acknowledged: Acknowledged[] = [];
  /** Answers that no client expects. */
  readonly surprises: string[] = [];
  /** Answers that say: not now. By their codes. */
  readonly refused = new Map<string, number>();
  readonly accounts: string[] = [];
  #turn = 0;
  #isStopped = false;
  #isAbandoned = false;
  #working: Promise<unknown> = Promise.resolve();

  constructor(client: Client, operator: Client) {
    this.client = client;
    this.operator = operator;
  }

  /** Opens the accounts and begins; each pauses so long between two turns. */
  async start(workers: number, pauseMs = 0): Promise<void> {
    for (let n = 0; n < 4; n += 1) this.accounts.push(await this.client.openAccount(`drill-${n}`));
    for (const account of this.accounts) await this.operator.deposit(account, '500000.00', 'first');
    this.#working = Promise.all(Array.from({ length: workers }, () => this.#work(pauseMs)));
  }

  /** Ends when each has the answer to its last request. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#working;
  }

  /** Ends at once: after a failure the database may never answer again. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    await this.stop();
  }

  /** When the first write after that moment was acknowledged. */
  acknowledgedSince(moment: number): number | undefined {
    return this.acknowledged.find(({ at }) => at > moment)?.at;
  }

  /** Asks, and again while the store is busy, for ten seconds: that says nothing of the write. */
  async repeat(write: Write): Promise<Answer | undefined> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const answer = await this.#send(write);
      if (codeOf(answer) !== 'store-busy' || Date.now() > deadline) return answer;
      await pause(50);
    }
  }

  #send({ kind, path, body, key }: Write): Promise<Answer | undefined> {
    const client = kind === 'deposit' ? this.operator : this.client;
    return client.ask<Answer['body']>('POST', path, { body, headers: { 'idempotency-key': key } }).catch(() => undefined);
  }

  async #work(pauseMs: number): Promise<void> {
    for (; !this.#isStopped; await pause(pauseMs)) {
      const turn = (this.#turn += 1);
      const accountId = this.accounts[turn % this.accounts.length] ?? '';
      const terms = turn % 3 === 0 ? resting : filling;
      const clientOrderId = `drill-${turn}`;
      const id = orderIdFor(accountId, clientOrderId);
      const order: Write = {
        ...{ kind: 'order', path: '/v1/orders', body: { accountId, clientOrderId, ...terms }, key: clientOrderId, subject: id },
      };
      await this.#untilAnswered(order);
      if (turn % 3 === 0) {
        await this.#untilAnswered({
          kind: 'cancel',
          path: `/v1/orders/${id}/cancel`,
          body: {},
          key: `cancel-${turn}`,
          subject: id,
        });
      }
      if (turn % 5 === 0) {
        const [key, path, amount] = [`deposit-${turn}`, `/v1/accounts/${accountId}/deposits`, `${turn}.25`];
        await this.#untilAnswered({ kind: 'deposit', path, body: { amount, reference: key }, key, subject: amount });
      }
    }
  }

  async #untilAnswered(write: Write): Promise<void> {
    while (!this.#isAbandoned) {
      const answer = await this.#send(write);
      if (answer && answer.status < 300) return void this.acknowledged.push({ ...write, at: Date.now() });
      if (answer && answer.status !== 503 && answer.status !== 504) {
        this.surprises.push(`${write.kind} ${write.key}: ${answer.status} ${JSON.stringify(answer.body)}`);
        return;
      }
      const code = codeOf(answer);
      this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
      await pause(50);
    }
  }
}

/** `store-restored` of a problem's type; `no answer` where the connection broke. */
export const codeOf = (answer: Answer | undefined): string =>
  answer === undefined ? 'no answer' : (String(answer.body['type']).split('/').at(-1) ?? '');

/** The acknowledged writes that the store does not hold. */
export async function missingOf({ database }: World, writes: readonly Acknowledged[]): Promise<Acknowledged[]> {
  const { rows } = await database.query<{ kind: Write['kind']; subject: string }>(
    `select 'order' as kind, aggregate_id::text as subject from event_store where event_type = 'OrderPlaced'
     union all select 'cancel', aggregate_id::text from event_store where event_type = 'OrderCancelRequested'
     union all select 'deposit', event_data->>'amount' from event_store where event_type = 'FundsDeposited'`,
  );
  const held = new Set(rows.map(({ kind, subject }) => `${kind} ${subject}`));
  return writes.filter(({ kind, subject }) => !held.has(`${kind} ${subject}`));
}
