import { z } from 'zod';

/** The settings of the issuer and of the command that prints a token. */
export const settings = {
  /** The `iss` of its tokens: JWT_ISSUER of the services. */
  ISSUER: z.url({ protocol: /^https$/, error: 'must be a URL that starts with https:' }).meta({ examples: ['https://issuer'] }),
  /** Whom its tokens are for: JWT_AUDIENCE of the services. */
  AUDIENCE: z.string().min(1).default('tradecore'),
  /** Signs the tokens: a private key on the curve P-256, as PEM; ISSUER_KEY_FILE names a file. */
  ISSUER_KEY: z.string().startsWith('-----BEGIN').meta({ secret: true }),
};
