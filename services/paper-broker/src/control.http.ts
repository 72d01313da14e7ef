import type { FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import { accountIdOf, type Accounts } from './accounts.ts';
import type { Desk } from './desk.ts';
import { accountOf, read } from './door.ts';
import type { Exchange } from './exchange/index.ts';
import { notFound } from './exchange/refusal.ts';
import { immediateFault, openAccount, setPrice, waitingFault } from './requests.ts';
import type { z } from 'zod';

/** Dependencies of the control routes. */
export interface Controls {
  readonly desk: Desk;
  readonly accounts: Accounts;
  /** Makes the broker unavailable for `ms` milliseconds. */
  readonly leave: (ms: number) => void;
}

const control = { config: { control: true } } as const;

/** Control routes, which Alpaca does not have. Only for the first account's keys. */
export function controlRoutes(door: FastifyInstance, controls: Controls): void {
  const { desk, accounts } = controls;
  faultRoutes(door, controls);
  door.post('/prices', control, async (request) => {
    const { symbol, price, halted } = read(setPrice, request.body);
    desk.pricesSet();
    await desk.ask((exchange, now) => exchange.setQuote(symbol, { price, halted }, now));
    const { price: last, halted: isHalted } = desk.exchange.quote(symbol);
    return { symbol, price: last, halted: isHalted };
  });
  door.post('/accounts', control, async (request, reply) => {
    const { key_id: keyId, secret_key: secret, cash } = read(openAccount, request.body);
    const { id } = accounts.add(keyId, secret);
    await desk.ask((exchange, now) => exchange.open(id, cash, now));
    return reply.code(201).send({ id, key_id: keyId });
  });
  door.get('/state', control, async () => ({ open_orders: desk.exchange.openCount, hash: desk.hash() }));
}

function faultRoutes(door: FastifyInstance, controls: Controls): void {
  const { faults } = controls.desk.exchange;
  const listed = () => faults.list();
  door.get('/faults', control, async () => listed());
  door.post('/faults', control, async (request, reply) => {
    const { kind } = (request.body ?? {}) as { kind?: unknown };
    const isImmediate = typeof kind === 'string' && immediate.has(kind);
    if (isImmediate)
      return reply.code(201).send(await happen(controls, read(immediateFault, request.body), accountOf(request).id));
    const { account, ...fault } = read(waitingFault, request.body);
    const added = { id: randomUUID(), ...fault, account: account === undefined ? undefined : accountIdOf(account) };
    faults.add(added);
    return reply.code(201).send(added);
  });
  door.delete('/faults', control, async (_, reply) => {
    faults.clear();
    return reply.code(204).send();
  });
  door.delete<{ Params: { id: string } }>('/faults/:id', control, async (request, reply) => {
    if (!faults.remove(request.params.id)) throw notFound(`fault not found for ${request.params.id}`);
    return reply.code(204).send();
  });
}

type Immediate = z.output<typeof immediateFault>;
const immediate: ReadonlySet<string> = new Set(['away', 'bust', 'correct', 'resume']);

async function happen({ desk, leave }: Controls, fault: Immediate, account: string): Promise<Immediate> {
  if (fault.kind === 'away') leave(fault.ms);
  else {
    await desk.askEarly((exchange, now) => {
      if (fault.kind === 'resume')
        return exchange.resume(account, exchange.orderByClientId(account, fault.client_order_id).id, now);
      const execution = executionOf(exchange, account, fault);
      if (fault.kind === 'bust') return exchange.bust(execution, now);
      return exchange.correct(execution, fault, now);
    });
  }
  return fault;
}

/** The named execution, or the last one of the named order. */
function executionOf(
  exchange: Exchange,
  account: string,
  { execution_id: id, client_order_id: of }: Extract<Immediate, { kind: 'bust' | 'correct' }>,
): string {
  if (id !== undefined) return id;
  if (of === undefined) throw notFound('execution_id or client_order_id is required');
  const order = exchange.orderByClientId(account, of);
  const last = exchange.executions(account).findLast(({ orderId }) => orderId === order.id);
  if (!last) throw notFound(`execution not found for ${of}`);
  return last.id;
}
