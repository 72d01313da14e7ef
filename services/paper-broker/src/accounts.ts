import { timingSafeEqual, createHash } from 'node:crypto';
import { derivedId } from '@tradecore/events';
import { impossible } from './exchange/refusal.ts';
import type { StateFile } from './state-file.ts';

/** An account and its key. */
export interface PaperAccount {
  /** As the API shows it; derived from the key id. */
  readonly id: string;
  readonly keyId: string;
  /** The first account may script faults, set prices and open further accounts. */
  readonly isFirst: boolean;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The account id of a key. */
export const accountIdOf = (keyId: string): string => derivedId('paper-account', keyId);

const table = 'keys';

/** The accounts by key. Secrets are kept as digests; those of further accounts are stored with the state. */
export class Accounts {
  readonly #secrets = new Map<string, { secret: Buffer; account: PaperAccount }>();

  constructor(private readonly state?: StateFile) {
    for (const { key, row } of state?.read().filter((each) => each.table === table) ?? []) {
      this.#put(key, Buffer.from(row as string, 'hex'), false);
    }
  }

  /** Adds the account whose keys are in the settings. */
  addFirst(keyId: string, secret: string): PaperAccount {
    return this.#put(keyId, digest(secret), true);
  }

  /** Adds an account or changes its secret. `Refusal` 422 for the first account's key. */
  add(keyId: string, secret: string): PaperAccount {
    if (this.#secrets.get(keyId)?.account.isFirst) throw impossible('the keys of the first account come from the settings');
    this.state?.commit([{ table, key: keyId, row: digest(secret).toString('hex') }]);
    return this.#put(keyId, digest(secret), false);
  }

  /** The account with these keys. */
  find(keyId: unknown, secret: unknown): PaperAccount | undefined {
    if (typeof keyId !== 'string' || typeof secret !== 'string') return undefined;
    const known = this.#secrets.get(keyId);
    return known && timingSafeEqual(known.secret, digest(secret)) ? known.account : undefined;
  }

  #put(keyId: string, secret: Buffer, isFirst: boolean): PaperAccount {
    const account = { id: accountIdOf(keyId), keyId, isFirst };
    this.#secrets.set(keyId, { secret, account });
    return account;
  }
}
