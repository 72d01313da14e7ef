import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from './home.ts';

/** The folder of secrets: readable only by its owner. */
export function secretsFolder(home: Home): string {
  mkdirSync(home.secrets, { recursive: true, mode: 0o700 });
  chmodSync(home.secrets, 0o700);
  return home.secrets;
}

/** The password with this name: generated once, kept in a file of mode 600. */
export function password(home: Home, name: string): string {
  return secret(home, name, () => randomBytes(24).toString('base64url'));
}

/** The secret with this name; `make` creates it the first time. */
export function secret(home: Home, name: string, make: () => string): string {
  const path = join(secretsFolder(home), name);
  if (!existsSync(path)) writeFileSync(path, make(), { mode: 0o600, flag: 'wx' });
  return readFileSync(path, 'utf8').trim();
}
