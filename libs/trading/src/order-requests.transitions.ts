import { ignore, move, refuse, rest, stay, type Row, type AppliedRow } from './order-transitions.ts';

const tooLate = refuse('order-not-cancelable', 'the order has ended');

/** The client wants it cancelled. */
export const orderCancelRequested: Row = {
  pendingNew: move('pendingCancel'),
  submitted: move('pendingCancel'),
  new: move('pendingCancel'),
  partiallyFilled: move('pendingCancel'),
  filled: tooLate,
  doneForDay: move('pendingCancel'),
  canceled: tooLate,
  pendingCancel: refuse('cancel-already-requested', 'the answer to the first request is on its way'),
  pendingReplace: move('pendingCancel'),
  rejected: tooLate,
  denied: tooLate,
  suspended: move('pendingCancel'),
  expired: tooLate,
  unknown: stay('it is cancelled as soon as it is known to be at the broker; a second request is refused'),
};

const ended = ignore('the order has ended');
const notAsked = ignore('no cancel is waiting for an answer');

/** The broker does not cancel it. */
export const orderCancelRejected: AppliedRow = {
  pendingNew: notAsked,
  submitted: notAsked,
  new: notAsked,
  partiallyFilled: notAsked,
  filled: ended,
  doneForDay: notAsked,
  canceled: ended,
  pendingCancel: rest,
  pendingReplace: notAsked,
  rejected: ended,
  denied: ended,
  suspended: notAsked,
  expired: ended,
  unknown: stay('the cancel is refused; that the broker has the order is not proved by it'),
};

/** The broker says that it is cancelled, or it never got there. */
export const orderCanceled: AppliedRow = {
  pendingNew: move('canceled'),
  submitted: move('canceled'),
  new: move('canceled'),
  partiallyFilled: move('canceled'),
  filled: ended,
  doneForDay: move('canceled'),
  canceled: ended,
  pendingCancel: move('canceled'),
  pendingReplace: move('canceled'),
  rejected: ended,
  denied: ended,
  suspended: move('canceled'),
  expired: ended,
  unknown: move('canceled'),
};

const notThere = refuse('order-not-replaceable', 'the broker has not acknowledged it yet');
const pausing = refuse('order-not-replaceable', 'the broker is not working it now');
const over = refuse('order-not-replaceable', 'the order has ended');

/** The client wants other terms. */
export const orderReplaceRequested: Row = {
  pendingNew: notThere,
  submitted: notThere,
  new: move('pendingReplace'),
  partiallyFilled: move('pendingReplace'),
  filled: over,
  doneForDay: pausing,
  canceled: over,
  pendingCancel: refuse('order-not-replaceable', 'it is being cancelled'),
  pendingReplace: refuse('replace-already-requested', 'the answer to the first request is on its way'),
  rejected: over,
  denied: over,
  suspended: pausing,
  expired: over,
  unknown: refuse('order-not-replaceable', 'whether the broker has it is not known'),
};

const never = ignore('it is not at the broker');

/** The broker works it under new terms. */
export const orderReplaced: AppliedRow = {
  pendingNew: never,
  submitted: never,
  new: rest,
  partiallyFilled: rest,
  filled: ended,
  doneForDay: rest,
  canceled: ended,
  pendingCancel: rest,
  pendingReplace: rest,
  rejected: ended,
  denied: ended,
  suspended: rest,
  expired: ended,
  unknown: rest,
};

const noReplace = ignore('no replace is waiting for an answer');

/** The replace is refused, by the account or by the broker. */
export const orderReplaceRejected: AppliedRow = {
  pendingNew: noReplace,
  submitted: noReplace,
  new: noReplace,
  partiallyFilled: noReplace,
  filled: ended,
  doneForDay: noReplace,
  canceled: ended,
  pendingCancel: rest,
  pendingReplace: rest,
  rejected: ended,
  denied: ended,
  suspended: noReplace,
  expired: ended,
  unknown: rest,
};
