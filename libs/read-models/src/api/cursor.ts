import type { OrderCursor } from '../orders.queries.ts';

const decodedShape = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The cursor of a page on the wire; opaque to clients. */
export const encodeCursor = ({ createdAt, orderId }: OrderCursor): string =>
  Buffer.from(`${createdAt} ${orderId}`).toString('base64url');

/** What a cursor says; undefined for a text that is none. */
export function decodeCursor(cursor: string): OrderCursor | undefined {
  const [, createdAt, orderId] = decodedShape.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  return createdAt === undefined || orderId === undefined || Number.isNaN(Date.parse(createdAt))
    ? undefined
    : { createdAt, orderId };
}
