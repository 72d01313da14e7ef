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

/** A notice for people: a record of `alerts.user-notifications`, its key the account. */
export interface Notice {
  /** Derived from the id of the event that caused it: a repeat is the same notice. */
  readonly id: string;
  readonly kind: (typeof noticeKinds)[number];
  /** The account, or `all` for every account. */
  readonly accountId: string;
  readonly text: string;
  readonly orderId?: string;
  /** When it happened: the time of the event. */
  readonly time: string;
  readonly causedBy: string;
}

/** The names are part of the API. */
export const noticeKinds = [
  'orderDenied',
  'orderRejected',
  'orderFilled',
  'orderCanceled',
  'orderExpired',
  'orderUnknown',
  'tradeBusted',
  'tradeCorrected',
  'deposit',
  'withdrawal',
  'tradingHalted',
  'tradingResumed',
] as const;

type Content = Pick<Notice, 'kind' | 'text'>;
type Contents<E extends Event> = { readonly [Each in E as Each['type']]?: (data: Each['data']) => Content | undefined };

const because = (reason: string | undefined): string => (reason === undefined ? '.' : `: ${reason}.`);
const traded = (cumulative: string, excess: string | undefined): string =>
  `${cumulative} shares of your order have traded${excess === undefined ? '' : `, ${excess} more than you ordered`}`;

/**
 * No notice has the text that a person wrote: forgotten, it would stay on the topic and with those who read it. One
 * source per kind: what an order's events say is not repeated from the account's or the broker order's. A denial
 * has a notice too, although the request was answered with it: an account may have more than one reader.
 */
const ofOrders: Contents<OrderEvent> = {
  OrderDenied: ({ detail }) => ({ kind: 'orderDenied', text: `Your order was denied: ${detail}` }),
  OrderRejected: ({ reason }) => ({ kind: 'orderRejected', text: `The brokerage rejected your order: ${reason}.` }),
  OrderExecuted: ({ leavesQuantity, cumulativeQuantity, excessQuantity }) =>
    leavesQuantity === '0'
      ? { kind: 'orderFilled', text: `${traded(cumulativeQuantity, excessQuantity)}, and none is left to trade.` }
      : undefined,
  OrderExecutionBusted: ({ was, cumulativeQuantity, excessQuantity }) => ({
    kind: 'tradeBusted',
    text: `The market took back a trade of ${was.quantity} at ${was.price}. ${traded(cumulativeQuantity, excessQuantity)}.`,
  }),
  OrderExecutionCorrected: ({ was, quantity, price, cumulativeQuantity, excessQuantity }) => ({
    kind: 'tradeCorrected',
    text: `The market corrected a trade of ${was.quantity} at ${was.price} to ${quantity} at ${price}. ${traded(cumulativeQuantity, excessQuantity)}.`,
  }),
  OrderCanceled: ({ reason }) => ({ kind: 'orderCanceled', text: `Your order is cancelled${because(reason)}` }),
  OrderExpired: ({ reason }) => ({ kind: 'orderExpired', text: `Your order has expired: ${reason}.` }),
  OrderOutcomeUnknown: ({ reason }) => ({
    kind: 'orderUnknown',
    text: `It is not known yet whether the brokerage has your order: ${reason}. Its reservation stays until that is known.`,
  }),
};

const ofAccounts: Contents<AccountEvent> = {
  FundsDeposited: ({ amount }) => ({ kind: 'deposit', text: `${amount} was deposited.` }),
  FundsWithdrawn: ({ amount }) => ({ kind: 'withdrawal', text: `${amount} was withdrawn.` }),
};

const ofControls: Contents<TradingControlEvent> = {
  TradingHalted: () => ({ kind: 'tradingHalted', text: 'New orders are refused for now. Open orders stay as they are.' }),
  TradingResumed: () => ({ kind: 'tradingResumed', text: 'New orders are accepted again.' }),
};

/** Which events cause notices, and for which account; by aggregate type. */
const sources: Readonly<Record<string, { readonly of: object; readonly account: (event: RecordedEvent) => string | undefined }>> =
  {
    Order: { of: ofOrders, account: ({ metadata }) => metadata.account },
    Account: { of: ofAccounts, account: ({ aggregateId }) => aggregateId },
    TradingControl: { of: ofControls, account: ({ data }) => (data as TradingControlEvent['data']).scope },
  };

/** The notice that an event causes; undefined for most. Throws if this build cannot read it or it names no account. */
export function noticeOf(stored: RecordedEvent): Notice | undefined {
  const source = Object.hasOwn(sources, stored.aggregateType) ? sources[stored.aggregateType] : undefined;
  if (!source || !Object.hasOwn(source.of, stored.type)) return undefined;
  const event = upcast(catalogue, stored);
  const content = (Reflect.get(source.of, event.type) as (data: object) => Content | undefined)(event.data);
  if (!content) return undefined;
  const accountId = source.account(event);
  if (accountId === undefined) throw new Error(`event ${event.id} (${event.type}) names no account`);
  return {
    id: derivedId('notice', event.id),
    ...content,
    accountId,
    ...(event.aggregateType === 'Order' && { orderId: event.aggregateId }),
    time: event.time,
    causedBy: event.id,
  };
}
