/** A minimum state: a read with its token shows at least this version of this aggregate. */
export interface Consistency {
  readonly aggregateId: string;
  readonly version: number;
  /**
   * For an order whose change affected its account: reads of the account and its positions show at least
   * `accountVersion`.
   */
  readonly accountId?: string;
  readonly accountVersion?: number;
}

/** An id and a version are 20 bytes, 27 characters of base64url; with those of the account 40 bytes, 54 characters. */
const encodedShape = /^(?:[A-Za-z0-9_-]{27}|[A-Za-z0-9_-]{54})$/;
const partBytes = 20;

/** The value of the `Consistency-Token` header. Opaque to clients. */
export function encodeConsistencyToken({ aggregateId, version, accountId, accountVersion }: Consistency): string {
  const own = bytesOf(aggregateId, version);
  if (accountId === undefined || accountVersion === undefined) return own.toString('base64url');
  return Buffer.concat([own, bytesOf(accountId, accountVersion)]).toString('base64url');
}

/** Decodes a token; undefined for text that is not a token. */
export function decodeConsistencyToken(token: string): Consistency | undefined {
  if (!encodedShape.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const { id: aggregateId, version } = partAt(bytes, 0);
  if (!isVersion(version)) return undefined;
  if (bytes.length === partBytes) return { aggregateId, version };
  const { id: accountId, version: accountVersion } = partAt(bytes, partBytes);
  return isVersion(accountVersion) ? { aggregateId, version, accountId, accountVersion } : undefined;
}

const isVersion = (version: number): boolean => version > 0 && version <= 0x7fffffff;

function bytesOf(id: string, version: number): Buffer {
  const bytes = Buffer.alloc(partBytes);
  bytes.write(id.replaceAll('-', ''), 'hex');
  bytes.writeUInt32BE(version, partBytes - 4);
  return bytes;
}

function partAt(bytes: Buffer, start: number): { readonly id: string; readonly version: number } {
  const id = bytes.toString('hex', start, start + 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { id, version: bytes.readUInt32BE(start + 16) };
}
