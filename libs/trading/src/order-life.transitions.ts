import { ignore, move, refuse, rest, stay, type Row, type AppliedRow } from './order-transitions.ts';

const placedBefore = refuse('order-already-placed', 'its name is taken: the same terms again change nothing, others are refused');

/** The client places it: the first event of every order. */
export const orderPlaced: Row = {
  pendingNew: placedBefore,
  submitted: placedBefore,
  new: placedBefore,
  partiallyFilled: placedBefore,
  filled: placedBefore,
  doneForDay: placedBefore,
  canceled: placedBefore,
  pendingCancel: placedBefore,
  pendingReplace: placedBefore,
  rejected: placedBefore,
  denied: placedBefore,
  suspended: placedBefore,
  expired: placedBefore,
  unknown: placedBefore,
};

const decidedBefore = refuse('order-already-decided', 'the risk rules decide once, when it is placed');

/** The risk rules let it pass. */
export const orderApproved: Row = {
  pendingNew: stay('its reservation comes next'),
  submitted: decidedBefore,
  new: decidedBefore,
  partiallyFilled: decidedBefore,
  filled: decidedBefore,
  doneForDay: decidedBefore,
  canceled: decidedBefore,
  pendingCancel: decidedBefore,
  pendingReplace: decidedBefore,
  rejected: decidedBefore,
  denied: decidedBefore,
  suspended: decidedBefore,
  expired: decidedBefore,
  unknown: decidedBefore,
};

const sent = ignore('it was reserved and sent before');
const ended = ignore('the order has ended');

/** We refuse it: a risk rule, or the account. */
export const orderDenied: AppliedRow = {
  pendingNew: move('denied'),
  submitted: sent,
  new: sent,
  partiallyFilled: sent,
  filled: ended,
  doneForDay: sent,
  canceled: ended,
  pendingCancel: move('denied'),
  pendingReplace: sent,
  rejected: ended,
  denied: ended,
  suspended: sent,
  expired: ended,
  unknown: sent,
};

/** The broker gateway was asked to send it. */
export const orderSubmitted: AppliedRow = {
  pendingNew: move('submitted'),
  submitted: sent,
  new: sent,
  partiallyFilled: sent,
  filled: ended,
  doneForDay: sent,
  canceled: ended,
  pendingCancel: stay('the cancel follows it'),
  pendingReplace: sent,
  rejected: ended,
  denied: ended,
  suspended: sent,
  expired: ended,
  unknown: sent,
};

/** The broker has it. */
export const orderAccepted: AppliedRow = {
  pendingNew: rest,
  submitted: rest,
  new: ignore('the broker has said so before'),
  partiallyFilled: stay('it traded before the broker acknowledged it'),
  filled: stay('it traded before the broker acknowledged it'),
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

/** The broker refuses it, at once or later. */
export const orderRejected: AppliedRow = {
  pendingNew: move('rejected'),
  submitted: move('rejected'),
  new: move('rejected'),
  partiallyFilled: move('rejected'),
  filled: ended,
  doneForDay: move('rejected'),
  canceled: ended,
  pendingCancel: move('rejected'),
  pendingReplace: move('rejected'),
  rejected: ended,
  denied: ended,
  suspended: move('rejected'),
  expired: ended,
  unknown: move('rejected'),
};

const atBroker = ignore('the broker has shown that it has it');

/** A call to the broker ended without an answer. */
export const orderOutcomeUnknown: AppliedRow = {
  pendingNew: move('unknown'),
  submitted: move('unknown'),
  new: atBroker,
  partiallyFilled: atBroker,
  filled: ended,
  doneForDay: atBroker,
  canceled: ended,
  pendingCancel: move('unknown'),
  pendingReplace: move('unknown'),
  rejected: ended,
  denied: ended,
  suspended: atBroker,
  expired: ended,
  unknown: ignore('it is unknown already'),
};
