import { event } from './event.ts';

/**
 * An order was repeated under an Idempotency-Key that it did not have: from now on the key belongs to this order. The
 * event's id is derived from the key (`orderKeyEventId`), like that of the second event of an order placed with a key.
 */
export class OrderKeyUsed extends event('OrderKeyUsed', 1)<{ readonly orderId: string }> {}
