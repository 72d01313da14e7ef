import {
  catalogue,
  derivedId,
  upcast,
  type AccountEvent,
  type Event,
  type OrderEvent,
  type RecordedEvent,
  type TradingControlEvent,
} from '@tradecore/events';

/** What a person is told: a record of `alerts.user-notifications`, its key the account. */
export interface Notice {
  /** From the id of the event that caused it: told twice it would be the same notice. */
  readonly id: string;
  readonly kind: (typeof noticeKinds)[number];
  /** The account, or `all` for what concerns every account. */
  readonly accountId: string;
  readonly text: string;
  readonly orderId?: string;
  /** When it happened: the time of the event. */
  readonly time: string;
  readonly causedBy: string;
}

/** What there is to tell. Names are API. */
export const noticeKinds = [
  'orderDenied',
  'orderRejected',
  'orderFilled',
  'orderCanceled',
  'orderExpired',
  'orderUnknown',
  'deposit',
  'withdrawal',
  'tradingHalted',
  'tradingResumed',
] as const;

type Said = Pick<Notice, 'kind' | 'text'>;
type Telling<E extends Event> = { readonly [Each in E as Each['type']]?: (data: Each['data']) => Said | undefined };

const because = (reason: string | undefined): string => (reason === undefined ? '.' : `: ${reason}.`);
const noted = (reference: string | undefined): string => (reference === undefined ? '' : ` (${reference})`);

/** One source a kind: what an order's own events tell is not told again by the account's or the broker's. */
const ofOrders: Telling<OrderEvent> = {
  OrderDenied: ({ detail }) => ({ kind: 'orderDenied', text: `Your order was denied: ${detail}` }),
  OrderRejected: ({ reason }) => ({ kind: 'orderRejected', text: `The broker refused your order: ${reason}.` }),
  OrderExecuted: ({ leavesQuantity, cumulativeQuantity }) =>
    leavesQuantity === '0'
      ? { kind: 'orderFilled', text: `${cumulativeQuantity} shares of your order have traded, and none is left to trade.` }
      : undefined,
  OrderCanceled: ({ reason }) => ({ kind: 'orderCanceled', text: `Your order is cancelled${because(reason)}` }),
  OrderExpired: ({ reason }) => ({ kind: 'orderExpired', text: `Your order has expired: ${reason}.` }),
  OrderOutcomeUnknown: ({ reason }) => ({
    kind: 'orderUnknown',
    text: `It is not known yet whether the broker has your order: ${reason}. What it needs stays reserved until that is proven.`,
  }),
};

const ofAccounts: Telling<AccountEvent> = {
  FundsDeposited: ({ amount, reference }) => ({ kind: 'deposit', text: `${amount} came in${noted(reference)}.` }),
  FundsWithdrawn: ({ amount, reference }) => ({ kind: 'withdrawal', text: `${amount} went out${noted(reference)}.` }),
};

const ofControls: Telling<TradingControlEvent> = {
  TradingHalted: ({ reason }) => ({
    kind: 'tradingHalted',
    text: `New orders are refused for now: ${reason}. Open orders stay as they are.`,
  }),
  TradingResumed: ({ reason }) => ({ kind: 'tradingResumed', text: `New orders are taken again: ${reason}.` }),
};

/** Whom an event concerns, and what there is to tell of it; by the type of its aggregate. */
const tellings: Readonly<
  Record<string, { readonly of: object; readonly account: (event: RecordedEvent) => string | undefined }>
> = {
  Order: { of: ofOrders, account: ({ metadata }) => metadata.account },
  Account: { of: ofAccounts, account: ({ aggregateId }) => aggregateId },
  TradingControl: { of: ofControls, account: ({ data }) => (data as TradingControlEvent['data']).scope },
};

/** The notice that an event causes; undefined for most. Throws for an event that this build can't read, or that names no account. */
export function noticeOf(stored: RecordedEvent): Notice | undefined {
  const telling = Object.hasOwn(tellings, stored.aggregateType) ? tellings[stored.aggregateType] : undefined;
  if (!telling || !Object.hasOwn(telling.of, stored.type)) return undefined;
  const event = upcast(catalogue, stored);
  const said = (Reflect.get(telling.of, event.type) as (data: object) => Said | undefined)(event.data);
  if (!said) return undefined;
  const accountId = telling.account(event);
  if (accountId === undefined) throw new Error(`event ${event.id} (${event.type}) names no account`);
  return {
    id: derivedId('notice', event.id),
    ...said,
    accountId,
    ...(event.aggregateType === 'Order' && { orderId: event.aggregateId }),
    time: event.time,
    causedBy: event.id,
  };
}
