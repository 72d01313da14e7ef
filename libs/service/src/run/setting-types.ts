import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';

/** A TCP port; 0 takes a free one. */
export const port = z.coerce.number('must be a whole number from 0 to 65535').int().min(0).max(65_535);

/** A time in milliseconds. */
export const milliseconds = (limit: number) => z.coerce.number().int().min(1).max(limit);

/** A URL with one of these schemes. */
export const url = (...schemes: string[]) =>
  z.string().refine((text) => schemes.some((scheme) => URL.canParse(text) && text.startsWith(`${scheme}:`)), {
    error: `must be a URL that starts with ${schemes.map((scheme) => `${scheme}:`).join(' or ')}`,
  });

const pem = (what: string, read: (text: string) => unknown) =>
  z.string().refine(
    (text) => {
      try {
        return Boolean(read(text));
      } catch {
        return false;
      }
    },
    { error: `must be ${what} in PEM` },
  );

/** A certificate, or several: those of an authority, or one with its chain. */
export const certificates = pem('a certificate', (text) => new X509Certificate(text));

/** A private key. */
export const privateKey = pem('a private key without a passphrase', (text) => createPrivateKey(text));
