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
