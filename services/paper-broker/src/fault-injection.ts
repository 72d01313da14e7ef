import type { FastifyReply, FastifyRequest } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Desk } from './desk.ts';
import { accountOf, internalError, tooMany } from './door.ts';
import { requestFaults, type Exchange, type Fault, type Operation } from './exchange/index.ts';

/** Default milliseconds of a fault. */
const usual = { silence: 30_000, slow: 2000, ack: 200 } as const;

/** What a request does on the exchange. */
export interface Deed<T> {
  readonly on: Operation;
  readonly symbol?: string | undefined;
  readonly act: (exchange: Exchange, now: number) => T;
}

type Played = Pick<Fault, 'kind' | 'ms'>;

/** Passes requests to the desk, and plays the faults scripted for them. */
export class FaultInjection {
  /** Ends the waits of faults when the service stops. */
  readonly #stopping = new AbortController();

  constructor(private readonly desk: Desk) {}

  stop(): void {
    this.#stopping.abort();
  }

  /** The answer to the request; undefined if none is sent and the connection was closed. */
  async attend<T>(request: FastifyRequest, reply: FastifyReply, { on, symbol, act }: Deed<T>): Promise<T | undefined> {
    const occasion = { account: accountOf(request).id, on, symbol };
    const fault = this.desk.exchange.fault(requestFaults, occasion);
    return fault ? this.#play(fault, reply, () => this.#do(on, act), act) : this.#do(on, act);
  }

  async #play<T>(fault: Played, reply: FastifyReply, go: () => Promise<T>, act: Deed<T>['act']): Promise<T | undefined> {
    const { kind, ms } = fault;
    switch (kind) {
      case '429':
        throw tooMany(1);
      case 'slow':
        await this.#wait(ms ?? usual.slow);
        return go();
      case 'fill-before-ack':
        return this.#tellFirst(act, ms ?? usual.ack);
      case 'timeout-before-accept':
        return this.#fallSilent(reply, ms);
      case 'timeout-after-accept':
        await go();
        return this.#fallSilent(reply, ms);
      case '500-after-accept':
        await go();
        throw internalError();
      default:
        throw internalError();
    }
  }

  /** Sends the fill on the stream before the answer. */
  async #tellFirst<T>(act: Deed<T>['act'], ms: number): Promise<T> {
    const answer = await this.desk.askEarly(act);
    await this.#wait(ms);
    return answer;
  }

  /** Reads store nothing. */
  async #do<T>(on: Operation, act: Deed<T>['act']): Promise<T> {
    return on === 'read' ? act(this.desk.exchange, Date.now()) : this.desk.ask(act);
  }

  async #fallSilent(reply: FastifyReply, ms: number | undefined): Promise<undefined> {
    reply.hijack();
    await this.#wait(ms ?? usual.silence);
    reply.raw.socket?.destroy();
    return undefined;
  }

  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
