import type { TimelineEntry } from '@tradecore/api';
import type {
  AccountEvent,
  Approval,
  BrokerOrderEvent,
  Denial,
  FillReversed,
  FillSettled,
  ForeignOrderAdopted,
  OrderEvent,
  OrderPlacementEvent,
  OrderTerms,
  RecordedEvent,
  ReplaceTerms,
  WithTexts,
} from '@tradecore/events';
import type { OrdStatus } from '@tradecore/trading';

type OfRevision = Exclude<BrokerOrderEvent, ForeignOrderAdopted>;

/** One sentence for each event of a union; a missing type does not compile. */
type Sentences<E extends OrderEvent | AccountEvent | OrderPlacementEvent | OfRevision> = {
  readonly [Each in E as Each['type']]: (data: WithTexts<Each['data']>, terms: OrderTerms) => string | undefined;
};

const because = (reason: string | undefined): string => (reason === undefined ? '.' : `: ${reason}.`);
const again = (attempt: number): string => (attempt === 1 ? '' : ` again (attempt ${attempt})`);

const traded = { buy: 'Bought', sell: 'Sold' } as const;
const lasting = {
  day: 'good for the day',
  gtc: 'good until cancelled',
  ioc: 'immediate or cancel',
  fok: 'fill or kill',
} as const;

function priced({ limitPrice, stopPrice }: Pick<OrderTerms, 'limitPrice' | 'stopPrice'>): string {
  const limit = limitPrice === undefined ? 'at the market' : `at ${limitPrice} or better`;
  return stopPrice === undefined ? limit : `${limit} once ${stopPrice} is reached`;
}

function newTerms({ quantity, limitPrice, stopPrice }: ReplaceTerms): string {
  const named = { quantity, 'limit price': limitPrice, 'stop price': stopPrice };
  const said = Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return said.join(', ');
}

function figuresOf({ figures }: Pick<Denial, 'figures'>): string {
  const said = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  return said.length === 0 ? '' : ` (${said.join(', ')})`;
}

function approved({ referencePrice, goodUntil }: Approval): string {
  const seen = referencePrice === undefined ? '' : ` at a last price of ${referencePrice}`;
  const until = goodUntil === undefined ? '' : ` It is not sent to the brokerage after ${goodUntil}.`;
  return `Passed the risk rules${seen}.${until}`;
}

const soFar = (cumulative: string, excess: string | undefined): string =>
  excess === undefined ? `${cumulative} in all` : `${cumulative} in all, ${excess} more than ordered`;

/** Sentences for the events of an order. */
const orderSentences: Sentences<OrderEvent> = {
  OrderPlaced: (terms) =>
    `Placed: ${terms.side} ${terms.quantity} ${terms.symbol} ${priced(terms)}, ${lasting[terms.timeInForce]}.`,
  OrderApproved: approved,
  OrderDenied: ({ reason, ...denial }) =>
    `Denied by the rule ${denial.rule}: ${denial.detail}${figuresOf(denial)}${reason === undefined ? '' : ` ${reason}`}`,
  OrderAccepted: ({ revision }) => `Working at the brokerage${revision === 1 ? '' : `, as revision ${revision}`}.`,
  OrderRejected: ({ code, reason }) => `Rejected by the brokerage: ${reason} (${code}).`,
  OrderOutcomeUnknown: ({ reason }) =>
    `Unknown whether the brokerage has the order: ${reason}. It is looked up until that is proven; the reservation stays.`,
  OrderExecuted: ({ quantity, price, cumulativeQuantity, leavesQuantity, excessQuantity }, { side }) =>
    leavesQuantity === '0'
      ? `${traded[side]} ${quantity} at ${price}: ${soFar(cumulativeQuantity, excessQuantity)}, nothing left open.`
      : `${traded[side]} ${quantity} at ${price}: ${cumulativeQuantity} in all, ${leavesQuantity} still open.`,
  OrderExecutionBusted: ({ was, cumulativeQuantity, excessQuantity }) =>
    `A trade of ${was.quantity} at ${was.price} was busted: ${soFar(cumulativeQuantity, excessQuantity)}.`,
  OrderExecutionCorrected: ({ was, quantity, price, cumulativeQuantity, excessQuantity }) =>
    `A trade of ${was.quantity} at ${was.price} was corrected to ${quantity} at ${price}: ${soFar(cumulativeQuantity, excessQuantity)}.`,
  OrderCancelRequested: ({ reason }) => `Cancel requested${because(reason)}`,
  OrderCancelRejected: ({ reason }) => `Cancel rejected: ${reason}. The order continues.`,
  OrderCanceled: ({ reason }) => `Cancelled${because(reason)}`,
  OrderReplaceRequested: (terms) => `New terms requested: ${newTerms(terms)}. The old terms apply until the brokerage confirms.`,
  OrderReplaced: ({ revision, brokerOrderId: _, ...terms }) => `New terms apply, as revision ${revision}: ${newTerms(terms)}.`,
  OrderReplaceRejected: ({ reason }) => `New terms rejected: ${reason}. The old terms apply.`,
  OrderExpired: ({ reason }) => `Expired: ${reason}.`,
  OrderDoneForDay: () => 'Done for today; it may continue tomorrow.',
  OrderSuspended: ({ reason }) => `Suspended${because(reason)}`,
  OrderResumed: () => 'Working again.',
};

const unit = (side: OrderTerms['side']): string => (side === 'buy' ? '' : ' shares');

const rest = ({ side, reservation }: FillSettled['data']): string =>
  reservation ? `${reservation.amount}${unit(side)} reserved` : 'nothing reserved';

const settled = (booking: FillSettled['data']): string =>
  `Booked: ${traded[booking.side].toLowerCase()} ${booking.quantity} at ${booking.price}, fee ${booking.fee}; ${rest(booking)}.`;

const reversed = (booking: FillReversed['data']): string =>
  `Reversed: ${traded[booking.side].toLowerCase()} ${booking.quantity} at ${booking.price}, fee ${booking.fee}; ${rest(booking)}.`;

/** Sentences for the account's bookings for the order. */
const accountSentences: Partial<Sentences<AccountEvent>> = {
  ReservationMade: ({ side, amount }) => `Reserved ${amount}${unit(side)}.`,
  ReservationChanged: ({ side, amount }) => `Reservation changed to ${amount}${unit(side)}.`,
  ReservationReleased: ({ amount }, { side }) => `Released ${amount}${unit(side)}.`,
  FillSettled: settled,
  FillReversed: reversed,
};

/** Sentences for the saga's steps, and for when it needs an operator. */
const sagaSentences: Sentences<OrderPlacementEvent> = {
  SubmitBrokerOrder: ({ attempt }) => `Sending the order to the brokerage${again(attempt)}.`,
  ReplaceBrokerOrder: ({ revision, attempt }) =>
    `Asking the brokerage for the new terms, as revision ${revision}${again(attempt)}.`,
  CancelBrokerOrder: ({ attempt }) => `Asking the brokerage to cancel${again(attempt)}.`,
  RevisionEnded: ({ revision }) => `Revision ${revision} ended while its replacement was pending.`,
  PlacementStuck: ({ waitingFor, attempts }) => `No result after ${attempts} attempts; an operator must look at ${waitingFor}.`,
  PlacementResumed: ({ waitingFor }) => `An operator is no longer needed for ${waitingFor}.`,
  PlacementEnded: ({ outcome }) => `Complete: ${outcome}, and everything is booked.`,
};

/** Sentences for what the brokerage reported, even if it changed nothing in the order. */
const brokerageSentences: Sentences<OfRevision> = {
  BrokerOrderAccepted: ({ revision, found }) => `The brokerage has revision ${revision}${found ? ', as a look-up shows' : ''}.`,
  BrokerOrderRejected: ({ revision, code, reason }) => `The brokerage refused revision ${revision}: ${reason} (${code}).`,
  BrokerOrderLapsed: ({ revision, reason, lastPrice }) =>
    `Revision ${revision} was not sent to the brokerage: ${reason}${lastPrice === undefined ? '' : `, last price ${lastPrice}`}.`,
  BrokerOutcomeUnknown: ({ attempt, reason }) => `No clear answer from the brokerage to attempt ${attempt}: ${reason}.`,
  BrokerOutcomeUnresolved: ({ attempts, reason }) =>
    `Still no clear answer from the brokerage after ${attempts} attempts: ${reason}.`,
  ExecutionReported: ({ quantity, price }) => `The brokerage reported a trade of ${quantity} at ${price}.`,
  ExecutionBusted: () => 'The brokerage busted a trade.',
  ExecutionCorrected: ({ quantity, price }) => `The brokerage corrected a trade to ${quantity} at ${price}.`,
  BrokerOrderCanceled: ({ revision, atBrokerage }) =>
    atBrokerage
      ? `The brokerage cancelled revision ${revision}.`
      : `Revision ${revision} was withdrawn before it reached the brokerage.`,
  BrokerCancelRejected: ({ reason }) => `The brokerage rejected the cancel: ${reason}.`,
  BrokerOrderReplaced: ({ revision }) => `The brokerage replaced revision ${revision}.`,
  BrokerReplaceRejected: ({ reason }) => `The brokerage rejected the new terms: ${reason}.`,
  BrokerOrderExpired: ({ revision }) => `Revision ${revision} expired at the brokerage.`,
  BrokerOrderDoneForDay: ({ revision }) => `The brokerage is done with revision ${revision} for today.`,
  BrokerOrderSuspended: ({ revision, reason }) => `The brokerage suspended revision ${revision}${because(reason)}`,
  BrokerOrderResumed: ({ revision }) => `The brokerage is working revision ${revision} again.`,
};

const sentences = {
  order: orderSentences,
  account: accountSentences,
  saga: sagaSentences,
  brokerage: brokerageSentences,
} as const satisfies Record<TimelineEntry['source'], object>;

/** The sentence for a stored event; undefined if clients need none. */
export function textOf(source: TimelineEntry['source'], { type, data }: RecordedEvent, terms: OrderTerms): string | undefined {
  const sentence = Reflect.get(sentences[source], type) as ((data: object, terms: OrderTerms) => string | undefined) | undefined;
  return sentence?.(data, terms);
}

/** What an order waits for, by its status; empty once it has ended. */
export const statusWaits: Readonly<Record<OrdStatus, string>> = {
  pendingNew: "the brokerage's answer",
  new: 'the market',
  partiallyFilled: 'the market',
  doneForDay: 'the next trading day',
  suspended: 'the brokerage to resume it',
  pendingCancel: "the brokerage's answer to the cancel",
  pendingReplace: "the brokerage's answer to the new terms",
  unknown: 'proof whether the brokerage has it',
  filled: '',
  overfilled: '',
  busted: '',
  canceled: '',
  rejected: '',
  denied: '',
  expired: '',
};
