import { executionIdFor } from '@tradecore/events';
import { decimal, decimalRefusal, isNegative } from '@tradecore/money';
import type {
  BrokerageExecution,
  BrokerageOrder,
  BrokerageStatus,
  BrokerageUpdate,
  ExecutionReport,
  ReportName,
} from '@tradecore/trading';
import { z } from 'zod';
import type { BrokerageClock, BrokerageInstrument } from '../brokerage-port.ts';

/** What an order's status means to us. A word that is not here is no reply that we understand. */
const statuses = {
  new: 'working',
  accepted: 'working',
  pending_new: 'working',
  accepted_for_bidding: 'working',
  held: 'working',
  stopped: 'working',
  calculated: 'working',
  partially_filled: 'working',
  pending_cancel: 'working',
  pending_replace: 'working',
  filled: 'filled',
  canceled: 'canceled',
  expired: 'expired',
  replaced: 'replaced',
  rejected: 'rejected',
  done_for_day: 'doneForDay',
  suspended: 'suspended',
} as const satisfies Record<string, BrokerageStatus>;

const amount = z
  .string()
  .refine((text) => decimalRefusal(text) === undefined && !isNegative(decimal(text)), 'must be a decimal, not negative')
  .transform((text): string => decimal(text));
const time = z.iso.datetime({ offset: true });
const id = z.string().min(1).max(128);

const orderShape = z.object({
  id,
  client_order_id: z.string().max(128),
  symbol: z.string().min(1).max(32),
  side: z.enum(['buy', 'sell']),
  status: z.enum(Object.keys(statuses) as [keyof typeof statuses]),
  qty: amount.nullable(),
  filled_qty: amount,
  submitted_at: time.nullish(),
  created_at: time,
  replaces: id.nullish(),
  replaced_by: id.nullish(),
});

function toOrder(order: z.output<typeof orderShape>): BrokerageOrder {
  return {
    brokerageOrderId: order.id,
    clientOrderId: order.client_order_id,
    symbol: order.symbol,
    side: order.side,
    status: statuses[order.status],
    brokerageStatus: order.status,
    quantity: order.qty ?? '0', // an order by money, which we never send, has none
    filledQuantity: order.filled_qty,
    submittedAt: order.submitted_at ?? order.created_at,
    ...(order.replaces && { replaces: order.replaces }),
    ...(order.replaced_by && { replacedBy: order.replaced_by }),
  };
}

/** An order, as the trading API shows it. */
export const brokerageOrder = orderShape.transform(toOrder);

/** A list of orders. */
export const brokerageOrders = z.array(brokerageOrder).max(10_000);

/** Why the broker refused. */
export const refusal = z.object({ code: z.union([z.number(), z.string()]), message: z.string().max(2_000) });

/** A page of FILL activities. Their ids are `<time>::<execution id>`. */
export const fills = (brokerage: string) =>
  z
    .array(
      z
        .object({ id, order_id: id, qty: amount, price: amount, transaction_time: time })
        .transform(({ id: page, order_id, qty, price, transaction_time }) => ({
          page,
          execution: executionOf(brokerage, page.split('::').at(-1) ?? page, {
            brokerageOrderId: order_id,
            quantity: qty,
            price,
            executedAt: transaction_time,
          }),
        })),
    )
    .max(1_000);

const executionOf = (
  brokerage: string,
  brokerageExecutionId: string,
  rest: Omit<BrokerageExecution, 'executionId' | 'brokerageExecutionId'>,
): BrokerageExecution => ({ ...nameOf(brokerage, brokerageExecutionId), ...rest });

/** What the stream of updates tells. Events of which we need no more than the order's state may have any name. */
export const tradeUpdate = (brokerage: string): z.ZodType<BrokerageUpdate> =>
  updateShape.transform((update, context): BrokerageUpdate => {
    const { event } = update;
    const shown = { event, order: toOrder(update.order) };
    if (!reporting.has(event)) return shown;
    const report = reportOf(brokerage, update);
    if (report) return { ...shown, report };
    context.addIssue({ code: 'custom', message: `${event} without its execution` });
    return z.NEVER;
  }) as z.ZodType<BrokerageUpdate>;

const reporting = new Set(['fill', 'partial_fill', 'trade_bust', 'trade_correct']);

const updateShape = z.object({
  event: z.string().max(64),
  order: orderShape,
  timestamp: time.optional(),
  execution_id: id.optional(),
  previous_execution_id: id.optional(),
  qty: amount.optional(),
  price: amount.optional(),
});
type Update = z.output<typeof updateShape>;

function reportOf(brokerage: string, update: Update): ExecutionReport | undefined {
  const { event, execution_id: reportId, previous_execution_id: previousId } = update;
  if (reportId === undefined) return undefined;
  const execution = figuresOf(brokerage, reportId, update);
  const previous = nameOf(brokerage, previousId ?? reportId);
  if (event === 'trade_bust') return { kind: 'bust', brokerageExecutionId: reportId, previous, ...(execution && { execution }) };
  if (!execution) return undefined;
  return event === 'trade_correct' ? { kind: 'correction', execution, previous } : { kind: 'trade', execution };
}

function figuresOf(
  brokerage: string,
  reportId: string,
  { order, qty, price, timestamp }: Update,
): BrokerageExecution | undefined {
  if (!qty || !price || !timestamp) return undefined;
  return executionOf(brokerage, reportId, { brokerageOrderId: order.id, quantity: qty, price, executedAt: timestamp });
}

const nameOf = (brokerage: string, brokerageExecutionId: string): ReportName => ({
  executionId: executionIdFor(brokerage, brokerageExecutionId),
  brokerageExecutionId,
});

/** Listed instruments. Where the broker names no steps, those of US shares hold: a cent, and whole shares. */
export const assets = z
  .array(
    z
      .object({
        symbol: z.string().min(1).max(32),
        tradable: z.boolean(),
        price_increment: amount.nullish(),
        min_trade_increment: amount.nullish(),
      })
      .transform(({ symbol, tradable, price_increment, min_trade_increment }): BrokerageInstrument => ({
        symbol,
        tick: price_increment ?? '0.01',
        lot: min_trade_increment ?? '1',
        halted: !tradable,
      })),
  )
  .max(50_000);

/** Last trades by symbol. The market data API has numbers where the trading API has strings. */
export const latestTrades = z
  .object({ trades: z.record(z.string(), z.object({ t: time, p: z.union([z.number(), z.string()]) })) })
  .transform(({ trades }) =>
    Object.entries(trades)
      .filter(([, { p }]) => decimalRefusal(String(p)) === undefined)
      .map(([symbol, { t, p }]) => ({ symbol, price: String(decimal(String(p))), at: t })),
  );

/** The broker's clock. */
export const clock = z
  .object({ timestamp: time, is_open: z.boolean(), next_open: time, next_close: time })
  .transform(({ timestamp, is_open, next_open, next_close }): BrokerageClock => ({
    now: timestamp,
    isOpen: is_open,
    nextOpen: next_open,
    nextClose: next_close,
  }));
