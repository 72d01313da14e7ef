import { generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'jose';
import type { Bearer } from '@tradecore/token-issuer/bearer';
import { openIssuer, type Issuer } from '@tradecore/token-issuer/issuer';
import type { Home } from './home.ts';
import { secret } from './secrets.ts';

/** The name of the issuer on developers' machines. A service in production mode refuses it. */
export const localIssuer = 'https://local.tradecore.dev/';
/** Whom its tokens are for. */
export const audience = 'tradecore';
/** The owner of the demo account, and the subject of tokens that name no other. */
export const demoSubject = 'local|demo';
/** Who that is in the fleet's own events: the same in every home. */
export const demoPerson = '6f1d3a52-9c0e-4d7b-8a64-2f5c1e9b7d30';
/** The Idempotency-Key with which the demo account is opened. */
export const demoAccountKey = 'demo-account';
/** The account that `npm start` opens and funds: `accountIdFor(demoPerson, demoAccountKey)`, so that it is the same in every home. */
export const demoAccount = '2116f352-ac5f-5f87-a692-9f54f1ff18cd';

/** Whom a token speaks for; without a `subject`, `local|<first account>`. */
export type LocalBearer = Omit<Bearer, 'subject'> & Partial<Pick<Bearer, 'subject'>>;

/** Issues tokens like an identity provider, with a key that never leaves the home. */
export class LocalIssuer {
  readonly #issuer: Issuer;

  private constructor(issuer: Issuer) {
    this.#issuer = issuer;
  }

  /** Opens the issuer of a home; its key is made the first time. */
  static async open(home: Home): Promise<LocalIssuer> {
    const key = secret(home, 'issuer.jwk', () => JSON.stringify(newKey()));
    return new LocalIssuer(await openIssuer(localIssuer, audience, JSON.parse(key) as JWK));
  }

  /** The public keys with which services verify signatures. */
  get jwks(): Issuer['jwks'] {
    return this.#issuer.jwks;
  }

  /** A signed access token (RFC 9068: `at+jwt`), valid for twelve hours. */
  async token({ subject, ...more }: LocalBearer): Promise<string> {
    return this.#issuer.token({ subject: subject ?? `local|${more.accounts[0]}`, ...more });
  }
}

const newKey = (): object => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
