import { event } from './event.ts';

/**
 * A repeat of an order came under an Idempotency-Key that the order had not: from now on the key is this order's. The event's id is the key's
 * (`orderKeyEventId`), as is that of the second event of an order that was placed with a key.
 */
export class OrderKeyUsed extends event('OrderKeyUsed', 1)<{ readonly orderId: string }> {}
