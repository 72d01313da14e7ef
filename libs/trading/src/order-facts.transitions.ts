import { ignore, move, rest, stay, type Row, type AppliedRow } from './order-transitions.ts';

const lateFill = stay('a fact, though the order has ended: quantity and books follow it');

/** The market traded. */
export const orderExecuted: AppliedRow = {
  pendingNew: rest,
  submitted: rest,
  new: rest,
  partiallyFilled: rest,
  filled: stay('more than was asked: a fact, recorded as an overfill'),
  doneForDay: rest,
  canceled: lateFill,
  pendingCancel: rest,
  pendingReplace: rest,
  rejected: lateFill,
  denied: lateFill,
  suspended: rest,
  expired: lateFill,
  unknown: rest,
};

const figuresOnly = stay('its figures change, the broker goes on as before');
const endedFigures = stay('its figures change; an order that has ended does not open again');

/** The figures of an execution change. */
const amended: AppliedRow = {
  pendingNew: figuresOnly,
  submitted: figuresOnly,
  new: figuresOnly,
  partiallyFilled: rest,
  filled: endedFigures,
  doneForDay: figuresOnly,
  canceled: endedFigures,
  pendingCancel: rest,
  pendingReplace: rest,
  rejected: endedFigures,
  denied: endedFigures,
  suspended: figuresOnly,
  expired: endedFigures,
  unknown: stay('its figures change; this proves nothing about the call that is unknown'),
};

/** The broker takes an execution back. */
export const orderExecutionBusted = amended;

/** The broker corrects an execution. */
export const orderExecutionCorrected = amended;

const ended = ignore('the order has ended');

/** Its time is over, or it was never sent and is too late. */
export const orderExpired: AppliedRow = {
  pendingNew: move('expired'),
  submitted: move('expired'),
  new: move('expired'),
  partiallyFilled: move('expired'),
  filled: ended,
  doneForDay: move('expired'),
  canceled: ended,
  pendingCancel: move('expired'),
  pendingReplace: move('expired'),
  rejected: ended,
  denied: ended,
  suspended: move('expired'),
  expired: ended,
  unknown: move('expired'),
};

const notSent = ignore('it is not at the broker yet');
const wishWaits = stay('a request of the client is not answered yet');

/** The broker is done with it for today. */
export const orderDoneForDay: AppliedRow = {
  pendingNew: notSent,
  submitted: move('doneForDay'),
  new: move('doneForDay'),
  partiallyFilled: move('doneForDay'),
  filled: ended,
  doneForDay: ignore('the broker has said so before'),
  canceled: ended,
  pendingCancel: wishWaits,
  pendingReplace: wishWaits,
  rejected: ended,
  denied: ended,
  suspended: move('doneForDay'),
  expired: ended,
  unknown: rest,
};

/** The broker suspends it. */
export const orderSuspended: AppliedRow = {
  pendingNew: notSent,
  submitted: move('suspended'),
  new: move('suspended'),
  partiallyFilled: move('suspended'),
  filled: ended,
  doneForDay: move('suspended'),
  canceled: ended,
  pendingCancel: wishWaits,
  pendingReplace: wishWaits,
  rejected: ended,
  denied: ended,
  suspended: ignore('the broker has said so before'),
  expired: ended,
  unknown: rest,
};

const answer = stay('the answer to something that changed nothing');

/** The record of what changed nothing. */
export const orderChangeIgnored: Row = {
  pendingNew: answer,
  submitted: answer,
  new: answer,
  partiallyFilled: answer,
  filled: answer,
  doneForDay: answer,
  canceled: answer,
  pendingCancel: answer,
  pendingReplace: answer,
  rejected: answer,
  denied: answer,
  suspended: answer,
  expired: answer,
  unknown: answer,
};
