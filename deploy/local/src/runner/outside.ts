import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from './home.ts';
import { password } from './secrets.ts';

const keyId = 'paper';

/** True if the environment names a broker: then the fleet trades there, and no paper broker is started. */
export const namesBroker = (): boolean => Boolean(process.env['BROKER_URL']);

/** The gateway's brokerage settings: those of the environment (`BROKER*`), else the paper broker at `paperUrl`. */
export function brokerSettings(home: Home, paperUrl: string | undefined): Record<string, string> {
  if (paperUrl === undefined) return fromEnvironment(/^BROKER/);
  return {
    ...fromEnvironment(/^BROKER/),
    BROKER: 'paper',
    BROKER_URL: paperUrl,
    BROKER_STREAM_URL: `${paperUrl.replace('http', 'ws')}/stream`,
    BROKER_KEY_ID: keyId,
    BROKER_SECRET_KEY: paperKeys(home).secret,
  };
}

/** The paper broker's settings: its keys, the folder of its state, and those of the environment (`PAPER_*`). */
export function paperSettings(home: Home): Record<string, string> {
  const state = join(home.data, 'paper-broker');
  mkdirSync(state, { recursive: true });
  return { PAPER_STATE: state, PAPER_KEY_ID: keyId, PAPER_SECRET_KEY: paperKeys(home).secret, ...fromEnvironment(/^PAPER_/) };
}

/** The key pair of this home's paper broker. */
export const paperKeys = (home: Home): { readonly keyId: string; readonly secret: string } => ({
  keyId,
  secret: password(home, 'paper-broker'),
});

const fromEnvironment = (names: RegExp): Record<string, string> =>
  Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (names.test(name) && value ? [[name, value]] : [])));
