import { executionIdFor } from '@tradecore/events';
import { decimal, decimalRefusal, isNegative } from '@tradecore/money';
import type {
  BrokerageExecution,
  BrokerageOrder,
  BrokerageStatus,
  BrokerageUpdate,
  ExecutionReport,
  ReportName,
  UnreadableOrder,
} from '@tradecore/trading';
import { symbolShape } from '@tradecore/trading';
import { z } from 'zod';
import { gatewayMetrics } from '../broker-gateway.metrics.ts';
import type { BrokerageClock, BrokerageInstrument, BrokeragePrice } from '../brokerage-port.ts';

/** What an order's status means to us. A reply with any other status has an unknown shape. */
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
  .refine((text) => decimalRefusal(text) === undefined && !isNegative(decimal(text)), 'must be a non-negative decimal')
  .transform((text): string => decimal(text));
const time = z.iso.datetime({ offset: true });
/** Regulation NMS, Rule 612: one cent; below one dollar, a hundredth of a cent. */
const usTicks = { tick: '0.01', tickBelowOne: '0.0001' } as const;
/** Alpaca's smallest fraction of a share. */
const smallestFraction = '0.000000001';
/** Text for events and logs: no control characters, no lone surrogates. */
const text = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^\P{C}*$/u);
const id = text(128).min(1);

const orderShape = z.object({
  id,
  client_order_id: text(128),
  symbol: text(32).min(1),
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
    quantity: order.qty ?? '0', // a notional order, which we never send, has no quantity
    filledQuantity: order.filled_qty,
    submittedAt: order.submitted_at ?? order.created_at,
    ...(order.replaces && { replaces: order.replaces }),
    ...(order.replaced_by && { replacedBy: order.replaced_by }),
  };
}

/** An order as the trading API shows it. */
export const brokerageOrder = orderShape.transform(toOrder);

const word = text(128).catch('');
const unreadableShape = z.object({
  id,
  client_order_id: word,
  symbol: word,
  side: z.enum(['buy', 'sell']).optional().catch(undefined),
  status: word,
  qty: word,
  filled_qty: word,
  submitted_at: time.optional().catch(undefined),
});

/** The readable part of an order of unknown shape; undefined if even its id cannot be read. */
export function unreadableOrder(shown: unknown, fault: z.ZodError): UnreadableOrder | undefined {
  const read = unreadableShape.safeParse(shown);
  if (!read.success) return undefined;
  const { id: brokerageOrderId, client_order_id: clientOrderId, symbol, side, status, qty, filled_qty, submitted_at } = read.data;
  return {
    ...{ brokerageOrderId, clientOrderId, symbol, quantity: qty, filledQuantity: filled_qty, brokerageStatus: status },
    unreadable: fault.issues[0]?.path.join('.') ?? '',
    ...(side && { side }),
    ...(submitted_at !== undefined && { submittedAt: submitted_at }),
  };
}

/** Parses the first `most` entries of a list one by one: an entry that cannot be read is skipped and counted. */
const eachOf = <T>(most: number, what: 'instrument' | 'price', shape: z.ZodType<T>) =>
  z.array(z.unknown()).transform((list) => {
    const readable = list.slice(0, most).flatMap((one) => shape.safeParse(one).data ?? []);
    gatewayMetrics.unreadable.inc({ what }, list.length - readable.length);
    return readable;
  });

/** A list of orders; undefined for one whose id cannot be read. */
export const brokerageOrders = z
  .array(z.unknown())
  .max(10_000)
  .transform((list) => list.map(orderOrUnreadable));

function orderOrUnreadable(shown: unknown): BrokerageOrder | UnreadableOrder | undefined {
  const read = brokerageOrder.safeParse(shown);
  if (read.success) return read.data;
  gatewayMetrics.unreadable.inc({ what: 'order' });
  return unreadableOrder(shown, read.error);
}

/** Why the brokerage refused. */
export const refusal = z.object({ code: z.union([z.number(), z.string()]), message: z.string().max(2_000) });

/** A page of FILL activities. Their ids are `<time>::<execution id>`. Unreadable figures leave only the order id. */
export const fills = (brokerage: string) =>
  z.array(z.looseObject({ id, order_id: id }).transform((fill) => ({ page: fill.id, ...fillOf(brokerage, fill) }))).max(1_000);

const figures = z.object({ qty: amount, price: amount, transaction_time: time });

function fillOf(brokerage: string, fill: { readonly id: string; readonly order_id: string }) {
  const read = figures.safeParse(fill);
  if (!read.success) return { unreadableOf: fill.order_id };
  const { qty: quantity, price, transaction_time: executedAt } = read.data;
  const brokerageExecutionId = fill.id.split('::').at(-1) ?? fill.id;
  return {
    execution: executionOf(brokerage, brokerageExecutionId, { brokerageOrderId: fill.order_id, quantity, price, executedAt }),
  };
}

const executionOf = (
  brokerage: string,
  brokerageExecutionId: string,
  rest: Omit<BrokerageExecution, 'executionId' | 'brokerageExecutionId'>,
): BrokerageExecution => ({ ...nameOf(brokerage, brokerageExecutionId), ...rest });

/** An update from the stream. An event that matters only for its order's state may have any name. */
export const tradeUpdate = (brokerage: string): z.ZodType<BrokerageUpdate> =>
  updateShape.transform((update, context): BrokerageUpdate => {
    const { event } = update;
    const shown = { event, order: toOrder(update.order) };
    if (!reporting.has(event)) return shown;
    const report = reportOf(brokerage, update);
    if (report) return { ...shown, report };
    context.addIssue({ code: 'custom', message: `${event} without an execution` });
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

/** Listed instruments. Where the brokerage names no increments, those of US shares apply. */
export const assets = eachOf(
  50_000,
  'instrument',
  z
    .object({
      symbol: z.string().regex(symbolShape),
      tradable: z.boolean(),
      fractionable: z.boolean().nullish(),
      price_increment: amount.nullish(),
      min_trade_increment: amount.nullish(),
    })
    .transform(({ symbol, tradable, fractionable, price_increment, min_trade_increment }): BrokerageInstrument => ({
      symbol,
      ...(price_increment ? { tick: price_increment } : usTicks),
      lot: min_trade_increment ?? (fractionable ? smallestFraction : '1'),
      halted: !tradable,
    })),
);

/** Latest trades by symbol. The market data API uses numbers where the trading API uses strings. */
export const latestTrades = z
  .object({ trades: z.record(z.string(), z.unknown()) })
  .transform(({ trades }): unknown[] => Object.entries(trades))
  .pipe(
    eachOf(
      10_000,
      'price',
      z
        .tuple([z.string(), z.object({ t: time, p: z.union([z.number(), z.string()]).transform(String).pipe(amount) })])
        .transform(([symbol, { t: at, p: price }]): BrokeragePrice => ({ symbol, price, at })),
    ),
  );

/** The brokerage's clock. */
export const clock = z
  .object({ timestamp: time, is_open: z.boolean(), next_open: time, next_close: time })
  .transform(({ timestamp, is_open, next_open, next_close }): BrokerageClock => ({
    now: timestamp,
    isOpen: is_open,
    nextOpen: next_open,
    nextClose: next_close,
  }));
