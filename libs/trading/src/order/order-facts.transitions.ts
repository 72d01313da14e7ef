import { ignore, move, rest, restEnded, restProven, stay, whenEnded, whenOpen, type AppliedRow } from './order-transitions.ts';

const lateFill = stay('a fact even after the end: quantity and books follow it');

/** The market traded. */
export const orderExecuted: AppliedRow = {
  ...whenOpen(rest),
  ...whenEnded(lateFill),
  unknown: restProven,
  filled: restEnded,
  overfilled: restEnded,
  busted: restEnded,
};

const figuresOnly = stay('only its figures change');
const endedFigures = stay('its figures change; an order that has ended does not reopen');

/** The figures of an execution change. */
const amended: AppliedRow = {
  ...whenOpen(figuresOnly),
  ...whenEnded(endedFigures),
  filled: restEnded,
  overfilled: restEnded,
  busted: restEnded,
  partiallyFilled: rest,
  pendingCancel: rest,
  pendingReplace: rest,
  doneForDay: rest,
  suspended: rest,
};

/** The brokerage takes an execution back. */
export const orderExecutionBusted = amended;

/** The brokerage corrects an execution. */
export const orderExecutionCorrected = amended;

const ended = ignore('the order has ended');

/** Its time in force has ended, or it was never sent and is too late. */
export const orderExpired: AppliedRow = { ...whenOpen(move('expired')), ...whenEnded(ended) };

const notSent = ignore('the brokerage has not acknowledged it yet');
const requestWaits = stay("the status shows it once the client's request is answered");

/** The brokerage has stopped working it for today. */
export const orderDoneForDay: AppliedRow = {
  ...whenOpen(move('doneForDay')),
  ...whenEnded(ended),
  doneForDay: ignore('the brokerage already reported it'),
  pendingCancel: requestWaits,
  pendingReplace: requestWaits,
  unknown: restProven,
};

/** The brokerage suspends it. */
export const orderSuspended: AppliedRow = {
  ...whenOpen(move('suspended')),
  ...whenEnded(ended),
  suspended: ignore('the brokerage already reported it'),
  pendingCancel: requestWaits,
  pendingReplace: requestWaits,
  unknown: restProven,
};

/** The brokerage works it again. */
export const orderResumed: AppliedRow = {
  ...whenOpen(ignore('it was not paused')),
  ...whenEnded(ended),
  pendingNew: notSent,
  doneForDay: rest,
  suspended: rest,
  pendingCancel: requestWaits,
  pendingReplace: requestWaits,
  unknown: restProven,
};
