import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from './console.ts';
import type { Home } from './home.ts';
import { livePids } from './processes.ts';
import { secretsFolder } from './secrets.ts';
import type { ServerUrls } from '../servers/servers.ts';
import type { Instance } from './service-list.ts';

/** A running fleet's addresses in `run/fleet.json`: demos, tests and scripts find it there. */
export interface FleetFile {
  readonly address: string;
  readonly namespace: string;
  readonly KAFKA_BROKERS: string;
  readonly REDIS_URL: string;
  readonly services: readonly Instance[];
}

const fileOf = (home: Home): string => join(home.run, 'fleet.json');

/** The file with the database's address, which contains the owner's password. */
export const databaseUrlFile = (home: Home): string => join(home.secrets, 'database-url');

/** Writes the file, and the database's address to a file that only its owner can read. */
export function writeFleetFile(home: Home, urls: ServerUrls, fleet: Pick<FleetFile, 'address' | 'namespace' | 'services'>): void {
  mkdirSync(home.run, { recursive: true });
  secretsFolder(home);
  writeFileSync(databaseUrlFile(home), `${urls.DATABASE_URL}\n`, { mode: 0o600 });
  const { KAFKA_BROKERS, REDIS_URL } = urls;
  writeFileSync(fileOf(home), `${JSON.stringify({ ...fleet, KAFKA_BROKERS, REDIS_URL }, null, 2)}\n`);
}

/** The fleet running in this home, and the owner's database address. Refuses if none runs. */
export function readFleetFile(home: Home): FleetFile & { DATABASE_URL: string } {
  const runs = livePids(home).some(({ name }) => name === 'runner');
  if (!runs || !existsSync(fileOf(home))) throw new Refusal(`No fleet runs in ${home.path}. Start one: npm start`);
  const fleet = JSON.parse(readFileSync(fileOf(home), 'utf8')) as FleetFile;
  return { ...fleet, DATABASE_URL: readFileSync(databaseUrlFile(home), 'utf8').trim() };
}
