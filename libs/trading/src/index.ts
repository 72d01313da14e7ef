export {
  accountIdShape,
  canonicalTerms,
  clientOrderIdShape,
  differingFields,
  differingTerms,
  symbolShape,
  termFaults,
  termsIn,
} from './order/order-terms.ts';
export { Order } from './order/order.aggregate.ts';
export { OrderAlreadyPlaced, OrderNotFound } from './order/order-errors.ts';
export { standingAfter } from './order/order-states.ts';
export { execTypeOf, isTerminal, meaningOf, ordStatuses, type OrdStatus } from './order/order-status.ts';
export { orderAfter, type OrderState } from './order/order-fold.ts';
export { reservationOf } from './account/reservation.ts';
export { OrderPlacement } from './placement/order-placement.aggregate.ts';
export { decidePlacement, orderPlacementProcess, type PlacementInput } from './placement/order-placement.process.ts';
export { stepRules, submitStep } from './placement/order-placement.steps.ts';
export { Account, currencies, type AccountState } from './account/account.aggregate.ts';
export { type Settlement } from './account/account-entries.ts';
export { AccountNotFound, InsufficientFunds, InsufficientShares, TooManyOpenOrders } from './account/account-errors.ts';
export { costOf, feeOf, moneyPlaces, notionalOf, reservedFor } from './account/fees.ts';
export { averageCost, noPosition, positionAfter, positionWithout, unrealised, type Position } from './account/position.ts';
export { assess, type Assessment, type Unpriced } from './risk/risk.ts';
export type { RiskFacts } from './risk/risk-facts.ts';
export { rules } from './risk/risk-rules.ts';
export { noticeKinds, noticeOf, type Notice } from './notices.ts';
export { earlier, later, millisecondsBetween } from './time.ts';
export { TradingControl } from './risk/trading-control.aggregate.ts';
export { BrokerOrder, type RevisionEnd, type RevisionProgress } from './broker-order/broker-order.aggregate.ts';
export { nextStep } from './broker-order/broker-order-step.ts';
export { commandIdOf, interpretReply, wants } from './broker-order/interpret-reply.ts';
export {
  interrupted,
  openCancels,
  type Interpretation,
  type LookedUp,
  type NextStep,
  type Obstacle,
  type Reply,
  type Revision,
  type RevisionFacts,
  type RevisionRules,
  type RevisionState,
} from './broker-order/revision.ts';
export {
  type BrokerageAnswer,
  type BrokerageExecution,
  type BrokerageOrder,
  type BrokerageStatus,
  type BrokerageUpdate,
  type ExecutionReport,
  type ReportName,
  type UnreadableOrder,
} from './broker-order/brokerage-replies.ts';
