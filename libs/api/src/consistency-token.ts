/** A minimum state: a read with its token shows at least this version of this aggregate. */
export interface Consistency {
  /** Of the store that issued it, eight hex digits: in another one the version names another state. */
  readonly epoch: string;
  readonly aggregateId: string;
  readonly version: number;
  /**
   * For an order whose change affected its account: reads of the account and its positions show at least
   * `accountVersion`.
   */
  readonly accountId?: string;
  readonly accountVersion?: number;
}

/** An epoch is 4 bytes, an id and a version are 20: together 32 characters of base64url; with those of the account 59. */
const encodedShape = /^(?:[A-Za-z0-9_-]{32}|[A-Za-z0-9_-]{59})$/;
const [epochBytes, partBytes] = [4, 20];

/** The value of the `Consistency-Token` header. Opaque to clients. */
export function encodeConsistencyToken({ epoch, aggregateId, version, accountId, accountVersion }: Consistency): string {
  const own = [Buffer.from(epoch, 'hex'), bytesOf(aggregateId, version)];
  const moved = accountId === undefined || accountVersion === undefined ? [] : [bytesOf(accountId, accountVersion)];
  return Buffer.concat([...own, ...moved]).toString('base64url');
}

/** Decodes a token; undefined for text that is not a token. */
export function decodeConsistencyToken(token: string): Consistency | undefined {
  if (!encodedShape.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const epoch = bytes.toString('hex', 0, epochBytes);
  const { id: aggregateId, version } = partAt(bytes, epochBytes);
  if (!isVersion(version)) return undefined;
  if (bytes.length === epochBytes + partBytes) return { epoch, aggregateId, version };
  const { id: accountId, version: accountVersion } = partAt(bytes, epochBytes + partBytes);
  return isVersion(accountVersion) ? { epoch, aggregateId, version, accountId, accountVersion } : undefined;
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
