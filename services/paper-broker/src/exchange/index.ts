export {
  Exchange,
  type AccountView,
  type ExchangeOptions,
  type ExecutionQuery,
  type PositionView,
  type Quote,
} from './exchange.ts';
export { orderFaults, requestFaults, streamFaults, type Fault, type Occasion, type Operation } from './faults.ts';
export { isFractionable, tickAt, type Instrument } from './instruments.ts';
export { valueOf } from './ledger.ts';
export type { Change } from './table.ts';
export { Random } from './random.ts';
export { Refusal } from './refusal.ts';
export { alwaysOpen, newYork, type TradingDay } from './session.ts';
export {
  isOpen,
  type OrderRequest,
  type ReplaceRequest,
  type Update,
  type VenueExecution,
  type ExchangeOrder,
} from './exchange-order.ts';
