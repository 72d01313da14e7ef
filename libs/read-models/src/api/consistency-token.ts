/** Where a write stands: whoever reads with it sees at least this version of this aggregate. */
export interface Consistency {
  readonly aggregateId: string;
  readonly version: number;
}

/** 16 bytes of the id, 4 of the version: 27 characters of base64url. */
const encodedShape = /^[A-Za-z0-9_-]{27}$/;

/** The value of the `Consistency-Token` header. Opaque to clients. */
export function encodeConsistencyToken({ aggregateId, version }: Consistency): string {
  const bytes = Buffer.alloc(20);
  bytes.write(aggregateId.replaceAll('-', ''), 'hex');
  bytes.writeUInt32BE(version, 16);
  return bytes.toString('base64url');
}

/** What a token says; undefined for a text that is none. */
export function decodeConsistencyToken(token: string): Consistency | undefined {
  if (!encodedShape.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const version = bytes.readUInt32BE(16);
  const aggregateId = bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return version === 0 || version > 0x7fffffff ? undefined : { aggregateId, version };
}
