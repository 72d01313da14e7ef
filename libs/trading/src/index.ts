export {
  accountIdShape,
  canonicalTerms,
  clientOrderIdShape,
  differingFields,
  differingTerms,
  symbolShape,
  termFaults,
} from './order-terms.ts';
export { Order } from './order.aggregate.ts';
export { OrderAlreadyPlaced, OrderNotFound } from './order-errors.ts';
export { standingAfter } from './order-states.ts';
export { execTypeOf, isTerminal, meaningOf, ordStatuses, type OrdStatus } from './order-status.ts';
export { orderAfter, type OrderState } from './order-fold.ts';
export { reservationOf } from './reservation.ts';
export { OrderPlacement, type StepEvent } from './order-placement.aggregate.ts';
export { decidePlacement, orderPlacementProcess, type PlacementInput } from './order-placement.process.ts';
export { stepRules, submitStep } from './order-placement.steps.ts';
export { Account, currencies, type AccountState } from './account.aggregate.ts';
export { type Settlement } from './account-entries.ts';
export { AccountNotFound, InsufficientFunds, InsufficientShares, TooManyOpenOrders } from './account-errors.ts';
export { costOf, feeOf, moneyPlaces, notionalOf, reservedFor } from './fees.ts';
export { averageCost, noPosition, positionAfter, positionWithout, unrealised, type Position } from './position.ts';
export { assess, type Assessment, type Unpriced } from './risk.ts';
export type { RiskFacts } from './risk-facts.ts';
export { rules } from './risk-rules.ts';
export { earlier, later, millisecondsBetween } from './time.ts';
export { TradingControl } from './trading-control.aggregate.ts';
export { BrokerOrder, type RevisionEnd, type RevisionProgress } from './broker-order.aggregate.ts';
export { nextStep } from './broker-order-step.ts';
export { commandIdOf, interpretReply, wants } from './interpret-reply.ts';
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
} from './revision.ts';
export {
  brokerageStatuses,
  type BrokerageAnswer,
  type BrokerageExecution,
  type BrokerageOrder,
  type BrokerageStatus,
  type BrokerageUpdate,
  type ExecutionReport,
  type ReportName,
  type UnreadableOrder,
} from './brokerage-replies.ts';
