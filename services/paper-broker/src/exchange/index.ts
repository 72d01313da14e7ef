export {
  Exchange,
  type AccountView,
  type ExchangeOptions,
  type ExecutionQuery,
  type OrderQuery,
  type PositionView,
  type Quote,
} from './exchange.ts';
export {
  Faults,
  orderFaults,
  requestFaults,
  streamFaults,
  type Fault,
  type FaultKind,
  type Occasion,
  type Operation,
} from './faults.ts';
export { isFractionable, listing, tickAt, type Instrument } from './instruments.ts';
export { valueOf } from './ledger.ts';
export type { Change } from './table.ts';
export { Random } from './random.ts';
export { Refusal } from './refusal.ts';
export { alwaysOpen, newYork, type Session, type TradingDay } from './session.ts';
export {
  isOpen,
  type OrderRequest,
  type ReplaceRequest,
  type Update,
  type UpdateEvent,
  type VenueExecution,
  type ExchangeOrder,
  type VenueStatus,
} from './exchange-order.ts';
