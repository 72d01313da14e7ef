export {
  accountIdShape,
  canonicalTerms,
  clientOrderIdShape,
  differingFields,
  differingTerms,
  symbolShape,
  termFaults,
  type TermFault,
  type TermFaultCode,
} from './order-terms.ts';
export { Order } from './order.aggregate.ts';
export {
  CancelAlreadyRequested,
  InvalidOrderTerms,
  OrderAlreadyDecided,
  OrderAlreadyPlaced,
  OrderNotCancelable,
  OrderNotFound,
  OrderNotReplaceable,
  ReplaceAlreadyRequested,
  ReplaceBelowFilled,
  ReplaceChangesNothing,
} from './order-errors.ts';
export {
  leavesOf,
  orderStates,
  restOf,
  standingAfter,
  statusAfter,
  type OrderFigures,
  type OrderStanding,
  type Pause,
} from './order-states.ts';
export { execTypeOf, fixOrdStatus, isTerminal, meaningOf, ordStatuses, type OrdStatus } from './order-status.ts';
export { orderAfter, type OrderState } from './order-fold.ts';
export { reservationOf } from './reservation.ts';
export { OrderPlacement, type StepEvent } from './order-placement.aggregate.ts';
export type { Participants, PlacementDecision } from './order-placement.decision.ts';
export { decidePlacement, orderPlacementProcess, reactions, type PlacementInput } from './order-placement.process.ts';
export { stepRules, stuckEveryMs, submitStep } from './order-placement.steps.ts';
export { Account, currencies, type AccountState } from './account.aggregate.ts';
export { maxMoneyAmount, type Settlement } from './account-entries.ts';
export {
  AccountAlreadyOpened,
  AccountNotFound,
  InsufficientFunds,
  InsufficientShares,
  InvalidAmount,
  UnsupportedCurrency,
} from './account-errors.ts';
export { costOf, feeOf, valueOf, feeRate, moneyPlaces, notionalOf, reservedFor } from './fees.ts';
export {
  averageCost,
  noPosition,
  positionAfter,
  positionWithout,
  unrealised,
  type Position,
  type PositionFill,
} from './position.ts';
export { assess, type Assessment } from './risk.ts';
export type { RiskFacts } from './risk-facts.ts';
export { ceilings, defaultPriceCollarPercent, rules } from './risk-rules.ts';
export { earlier, later, millisecondsBetween, millisecondsOf } from './time.ts';
export { InvalidLimits, TradingControl } from './trading-control.aggregate.ts';
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
} from './brokerage-replies.ts';
