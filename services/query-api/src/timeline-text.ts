import type {
  AccountEvent,
  Denial,
  FillSettled,
  OrderApproved,
  OrderEvent,
  OrderPlacementEvent,
  OrderTerms,
  RecordedEvent,
  ReplaceTerms,
} from '@tradecore/events';
import type { OrdStatus } from '@tradecore/trading';

/** One sentence for each event of a union; a type that is missing does not compile. */
type Sentences<E extends OrderEvent | AccountEvent | OrderPlacementEvent> = {
  readonly [Each in E as Each['type']]: (data: Each['data'], terms: OrderTerms) => string | undefined;
};

const because = (reason: string | undefined): string => (reason === undefined ? '.' : `: ${reason}.`);

const traded = { buy: 'Bought', sell: 'Sold' } as const;
const lasting = {
  day: 'good for the day',
  gtc: 'good until cancelled',
  ioc: 'at once, as far as it goes',
  fok: 'at once and whole, or not at all',
} as const;

function priced({ limitPrice, stopPrice }: Pick<OrderTerms, 'limitPrice' | 'stopPrice'>): string {
  const limit = limitPrice === undefined ? 'at the market' : `at ${limitPrice} or better`;
  return stopPrice === undefined ? limit : `${limit} once ${stopPrice} is met`;
}

function newTerms({ quantity, limitPrice, stopPrice }: ReplaceTerms): string {
  const named = { quantity, 'limit price': limitPrice, 'stop price': stopPrice };
  const said = Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return said.join(', ');
}

function figuresOf({ figures }: Denial): string {
  const said = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  return said.length === 0 ? '' : ` (${said.join(', ')})`;
}

function approved({ referencePrice, reservePrice, side, quantity, goodUntil }: OrderApproved['data']): string {
  const seen = referencePrice === undefined ? '' : ` at a last price of ${referencePrice}`;
  const held = side === 'buy' ? `money for ${quantity} shares at ${reservePrice}` : `${quantity} shares`;
  const until = goodUntil === undefined ? '' : ` It is not sent to the broker after ${goodUntil}.`;
  return `Passed the risk rules${seen}; ${held} is to be reserved.${until}`;
}

/** What each event of an order says in plain words. */
export const orderSentences: Sentences<OrderEvent> = {
  OrderPlaced: (terms) =>
    `Placed: ${terms.side} ${terms.quantity} ${terms.symbol} ${priced(terms)}, ${lasting[terms.timeInForce]}.`,
  OrderApproved: approved,
  OrderDenied: (denial) => `Denied by the rule ${denial.rule}: ${denial.detail}${figuresOf(denial)}`,
  OrderSubmitted: ({ revision }) => `Reserved, and on its way to the broker${revision === 1 ? '' : ` as revision ${revision}`}.`,
  OrderAccepted: ({ revision }) => `The broker has it${revision === 1 ? '' : `, as revision ${revision}`}.`,
  OrderRejected: ({ code, reason }) => `The broker refused it: ${reason} (${code}).`,
  OrderOutcomeUnknown: ({ reason }) =>
    `Nobody knows whether the broker has it: ${reason}. It is looked up until that is proven; what is reserved stays reserved.`,
  OrderExecuted: ({ quantity, price, cumulativeQuantity, leavesQuantity }, { side }) =>
    leavesQuantity === '0'
      ? `${traded[side]} ${quantity} at ${price}: ${cumulativeQuantity} in all, nothing is left open.`
      : `${traded[side]} ${quantity} at ${price}: ${cumulativeQuantity} in all, ${leavesQuantity} still open.`,
  OrderExecutionBusted: ({ was, cumulativeQuantity }) =>
    `The broker took a trade of ${was.quantity} at ${was.price} back: ${cumulativeQuantity} in all.`,
  OrderExecutionCorrected: ({ was, quantity, price, cumulativeQuantity }) =>
    `The broker corrected a trade of ${was.quantity} at ${was.price} to ${quantity} at ${price}: ${cumulativeQuantity} in all.`,
  OrderCancelRequested: ({ reason }) => `A cancel was asked for${because(reason)}`,
  OrderCancelRejected: ({ reason }) => `It can't be cancelled: ${reason}. It goes on.`,
  OrderCanceled: ({ reason }) => `Cancelled${because(reason)}`,
  OrderReplaceRequested: (terms) => `Other terms were asked for: ${newTerms(terms)}. The old ones hold until the broker says so.`,
  OrderReplaced: ({ revision, brokerOrderId: _, ...terms }) =>
    `The broker works it under new terms, as revision ${revision}: ${newTerms(terms)}.`,
  OrderReplaceRejected: ({ reason }) => `The new terms were refused: ${reason}. The old ones hold.`,
  OrderExpired: ({ reason }) => `Expired: ${reason}.`,
  OrderDoneForDay: () => 'The broker is done with it for today.',
  OrderSuspended: ({ reason }) => `The broker has suspended it${because(reason)}`,
  OrderChangeIgnored: ({ change, reason }) => `${change} was told and changes nothing: ${reason}.`,
};

const held = { buy: 'money', sell: 'shares' } as const;
const unit = (side: OrderTerms['side']): string => (side === 'buy' ? '' : ' shares');

function settled({ side, quantity, price, fee, reservation }: FillSettled['data']): string {
  const rest = reservation ? `${reservation.amount}${unit(side)} stay reserved` : 'nothing stays reserved';
  return `Booked: ${traded[side].toLowerCase()} ${quantity} at ${price}, fee ${fee}; ${rest}.`;
}

/** What the account did for the order; undefined for what the order's own events tell, or what moved nothing. */
const accountSentences: Partial<Sentences<AccountEvent>> = {
  ReservationMade: ({ side, amount }) => `The account reserved ${amount}${unit(side)}.`,
  ReservationRefused: ({ needed, available }) => `The account has not what it needs: ${needed} needed, ${available} there.`,
  ReservationChanged: ({ side, amount }) => `The account now reserves ${amount}${unit(side)}.`,
  ReservationChangeRefused: ({ needed, available }) =>
    `The account has not what the new terms need: ${needed} more needed, ${available} there.`,
  ReservationReleased: ({ amount }, { side }) =>
    amount === '0' ? undefined : `The account released ${amount}${unit(side)}: ${held[side]} nobody holds any more.`,
  FillSettled: settled,
};

/** What the saga says that nobody else does. */
const sagaSentences: Partial<Sentences<OrderPlacementEvent>> = {
  PlacementStuck: ({ waitingFor, attempts }) => `Not there after ${attempts} attempts, somebody has to look: ${waitingFor}.`,
  PlacementEnded: () => 'All is booked, nothing is left to do.',
};

const sentences = { order: orderSentences, account: accountSentences, saga: sagaSentences };

/** What a stored event of one of the three says; undefined where it has nothing to say to a client. */
export function textOf(source: keyof typeof sentences, { type, data }: RecordedEvent, terms: OrderTerms): string | undefined {
  const sentence = Reflect.get(sentences[source], type) as ((data: object, terms: OrderTerms) => string | undefined) | undefined;
  return sentence?.(data, terms);
}

/** What an unanswered step of the saga waits for. */
export const stepWaits: Readonly<Partial<Record<OrderPlacementEvent['type'], string>>> = {
  ReservationAsked: 'the account to reserve what it needs',
  ReservationChangeAsked: 'the account to change what is reserved',
  SettlementAsked: 'a trade to be booked in the account',
  ReleaseAsked: 'the account to release what is still reserved',
  SubmissionAsked: 'the broker gateway to take the order',
  ReplacementAsked: 'the broker gateway to take the new terms',
  CancellationAsked: 'the broker gateway to take the cancel',
  OrderChangeAsked: 'the order to be told what happened',
};

/** What an order waits for when all steps were answered, by where it stands; nothing once it has ended. */
export const statusWaits: Readonly<Partial<Record<OrdStatus, string>>> = {
  pendingNew: 'what it needs to be reserved',
  submitted: "the broker's answer",
  new: 'the market',
  partiallyFilled: 'the market',
  doneForDay: 'the next trading day',
  suspended: 'the broker to let it go on',
  pendingCancel: "the broker's word on the cancel",
  pendingReplace: "the broker's word on the new terms",
  unknown: 'proof whether the broker has it',
};
