/** Where a write stands: whoever reads with it sees at least this version of this aggregate, and of the account whose money it moved. */
export interface Consistency {
  readonly aggregateId: string;
  readonly version: number;
  /** The account that changed with it; both or neither. */
  readonly accountId?: string;
  readonly accountVersion?: number;
}

/** 16 bytes of an id, 4 of a version; once, or twice with an account: 27 or 54 characters of base64url. */
const encodedShape = /^[A-Za-z0-9_-]{27}(?:[A-Za-z0-9_-]{27})?$/;
const half = 20;

/** The value of the `Consistency-Token` header. Opaque to clients. */
export function encodeConsistencyToken({ aggregateId, version, accountId, accountVersion }: Consistency): string {
  const withAccount = accountId !== undefined && accountVersion !== undefined;
  const bytes = Buffer.alloc(withAccount ? 2 * half : half);
  write(bytes, 0, aggregateId, version);
  if (withAccount) write(bytes, half, accountId, accountVersion);
  return bytes.toString('base64url');
}

/** What a token says; undefined for a text that is none. */
export function decodeConsistencyToken(token: string): Consistency | undefined {
  if (!encodedShape.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const own = read(bytes, 0);
  if (!own || bytes.length === half) return own;
  const account = read(bytes, half);
  return account && { ...own, accountId: account.aggregateId, accountVersion: account.version };
}

function write(bytes: Buffer, at: number, id: string, version: number): void {
  bytes.write(id.replaceAll('-', ''), at, 'hex');
  bytes.writeUInt32BE(version, at + 16);
}

function read(bytes: Buffer, at: number): Pick<Consistency, 'aggregateId' | 'version'> | undefined {
  const version = bytes.readUInt32BE(at + 16);
  const id = bytes.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return version === 0 || version > 0x7fffffff ? undefined : { aggregateId: id, version };
}
