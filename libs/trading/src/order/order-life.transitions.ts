import {
  ignore,
  move,
  refuse,
  rest,
  restProven,
  stay,
  whenEnded,
  whenOpen,
  type AppliedRow,
  type Row,
} from './order-transitions.ts';

const placedBefore = refuse(
  'order-already-placed',
  'its clientOrderId is taken: the same terms change nothing, others are refused',
);

/** The client places it: the first event of every order. */
export const orderPlaced: Row = { ...whenOpen(placedBefore), ...whenEnded(placedBefore) };

const decidedBefore = refuse('order-already-decided', 'it was decided when it was placed');

/** It passes the risk rules, and its reservation is made. */
export const orderApproved: Row = {
  ...whenOpen(decidedBefore),
  ...whenEnded(decidedBefore),
  pendingNew: stay('the step that submits it is stored with it'),
};

/** We refuse it: a risk rule, or insufficient funds or shares. */
export const orderDenied: Row = { ...whenOpen(decidedBefore), ...whenEnded(decidedBefore), pendingNew: move('denied') };

const ended = ignore('the order has ended');

const acknowledged = ignore('the brokerage already reported it');
const tradedBefore = stay('it traded before the brokerage acknowledged it');

/** The brokerage has it. */
export const orderAccepted: AppliedRow = {
  ...whenOpen(rest),
  ...whenEnded(ended),
  new: acknowledged,
  doneForDay: acknowledged,
  suspended: acknowledged,
  partiallyFilled: tradedBefore,
  filled: tradedBefore,
  overfilled: tradedBefore,
  unknown: restProven,
};

/** The brokerage refuses it, at once or later. */
export const orderRejected: AppliedRow = { ...whenOpen(move('rejected')), ...whenEnded(ended) };

const atBrokerage = ignore('the brokerage has shown that it has the order');

/** A call to the brokerage ended without an answer. */
export const orderOutcomeUnknown: AppliedRow = {
  ...whenOpen(atBrokerage),
  ...whenEnded(ended),
  pendingNew: move('unknown'),
  pendingCancel: move('unknown'),
  pendingReplace: move('unknown'),
  unknown: ignore('it is already unknown'),
};
