import type { FastifyInstance, HTTPMethods } from 'fastify';
import type { z } from 'zod';
import { accountOf, read } from './door.ts';
import { Refusal, type Exchange, type Operation } from './exchange/index.ts';
import type { FaultInjection } from './fault-injection.ts';

/** A request as its route sees it. */
export interface Asking<Given> {
  readonly account: string;
  /** The parameters of its path. */
  readonly path: Readonly<Record<'id' | 'symbol' | 'type', string>>;
  /** What `reads` found in it. */
  readonly given: Given;
}

/** A route of the trading API. */
interface Route<Given> {
  readonly on: Operation;
  /** The body of a POST or PATCH, else the query. A route without it refuses a query. */
  readonly reads?: z.ZodType<Given>;
  /** For faults by symbol. */
  readonly symbol?: (asking: Asking<Given>) => string | undefined;
  /** Returns the answer, as JSON. */
  readonly act: (asking: Asking<Given>, now: number) => object;
  /** 200 when absent; 204 has no body. */
  readonly status?: number;
}

/** Where routes are served. */
export interface Counter {
  readonly door: FastifyInstance;
  readonly exchange: Exchange;
  readonly faultInjection: FaultInjection;
}

/** Serves a route such as `GET /v2/account`: reads the request, then plays the faults scripted for it, or acts. */
export function serve<Given>({ door, faultInjection }: Counter, route: string, how: Route<Given>): void {
  const { on, reads, symbol, act, status = 200 } = how;
  const [method, url = ''] = route.split(' ');
  const hasBody = method === 'POST' || method === 'PATCH';
  door.route({
    method: method as HTTPMethods,
    url,
    config: { readsQuery: reads !== undefined && !hasBody },
    handler: async (request, reply) => {
      const given = (reads && read(reads, hasBody ? request.body : request.query)) as Given;
      const asking = { account: accountOf(request).id, path: request.params as Asking<Given>['path'], given };
      const deed = { on, symbol: symbol?.(asking), act: (_: Exchange, now: number) => act(asking, now) };
      const answer = await faultInjection.attend(request, reply, deed);
      return answer && reply.code(status).send(status === 204 ? undefined : answer);
    },
  });
}

/** The status and body of one of several: what `act` returns, or its refusal. */
export function each(act: () => object): { readonly status: number; readonly body: object } {
  try {
    return { status: 200, body: act() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: { code: error.code, message: error.message } };
  }
}
