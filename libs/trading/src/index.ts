export {
  accountIdShape,
  canonicalTerms,
  clientOrderIdShape,
  differingFields,
  symbolShape,
  termFaults,
  type TermFault,
  type TermFaultCode,
} from './order-terms.ts';
export { CancelAlreadyRequested, InvalidOrderTerms, Order, OrderAlreadyPlaced, OrderNotFound } from './order.aggregate.ts';
export { BrokerOrder, type LegEnd, type LegProgress } from './broker-order.aggregate.ts';
export { nextStep, type LegFacts, type LegPatience, type LegStep } from './broker-order-step.ts';
export { venueStatuses, type BrokerAnswer, type VenueExecution, type VenueOrder, type VenueStatus } from './broker-answers.ts';
