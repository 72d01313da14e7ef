import { ignore, move, refuse, rest, stay, whenEnded, whenOpen, type AppliedRow, type Row } from './order-transitions.ts';

/** The client asks to cancel it. */
export const orderCancelRequested: Row = {
  ...whenOpen(move('pendingCancel')),
  ...whenEnded(refuse('order-not-cancelable', 'the order has ended')),
  pendingCancel: refuse('cancel-already-requested', 'the answer to the first request is on its way'),
  unknown: stay('it is cancelled once it is known to be at the brokerage; a second request is refused'),
};

const ended = ignore('the order has ended');

/** The brokerage does not cancel it. */
export const orderCancelRejected: AppliedRow = {
  ...whenOpen(ignore('no cancel waits for an answer')),
  ...whenEnded(ended),
  pendingCancel: rest,
  unknown: stay('the cancel is refused, which does not prove that the brokerage has the order'),
};

/** The brokerage reports it cancelled, or it was never sent. */
export const orderCanceled: AppliedRow = { ...whenOpen(move('canceled')), ...whenEnded(ended) };

const pausing = refuse('order-not-replaceable', 'the brokerage is not working it now');

/** The client asks for other terms. */
export const orderReplaceRequested: Row = {
  ...whenOpen(move('pendingReplace')),
  ...whenEnded(refuse('order-not-replaceable', 'the order has ended')),
  pendingNew: refuse('order-not-replaceable', 'the brokerage has not acknowledged it yet'),
  doneForDay: pausing,
  suspended: pausing,
  pendingCancel: refuse('order-not-replaceable', 'it is being cancelled'),
  pendingReplace: refuse('replace-already-requested', 'the answer to the first request is on its way'),
  unknown: refuse('order-not-replaceable', 'it is not known whether the brokerage has it'),
};

/** The brokerage works it under new terms. */
export const orderReplaced: AppliedRow = {
  ...whenOpen(rest),
  ...whenEnded(ended),
  pendingNew: ignore('it is not at the brokerage'),
};

/** The brokerage refuses the replace, or the order ended first. */
export const orderReplaceRejected: AppliedRow = {
  ...whenOpen(ignore('no replace waits for an answer')),
  ...whenEnded(ended),
  pendingCancel: rest,
  pendingReplace: rest,
  unknown: rest,
};
