import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backupEnvironment } from './backup/settings.ts';
import { withLocal } from './local-settings.ts';

describe('the settings that a local fleet has left', () => {
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  mkdirSync(join(home, 'secrets'));
  writeFileSync(join(home, 'secrets', 'operator.env'), 'DATABASE_URL=postgres://local/\nKAFKA_BROKERS=local:9092\n');
  writeFileSync(join(home, 'secrets', 'backup.env'), 'BACKUP_DIR=/left\n');
  afterAll(() => rmSync(home, { recursive: true }));
  const of = (own: Record<string, string>) => withLocal({ TRADECORE_HOME: home, ...own }, 'DATABASE_URL', 'operator.env');

  it.each([
    { case: 'is not named', own: {} },
    { case: 'is named by an empty text', own: { DATABASE_URL: '' } },
  ])('hold where the database $case; each of our own holds over them', ({ own }) => {
    expect(of(own)).toMatchObject({ DATABASE_URL: 'postgres://local/', KAFKA_BROKERS: 'local:9092' });
    expect(of({ ...own, KAFKA_BROKERS: 'k:1' })).toMatchObject({ DATABASE_URL: 'postgres://local/', KAFKA_BROKERS: 'k:1' });
  });

  it('do not hold for a database that is named', () =>
    expect(of({ DATABASE_URL: 'postgres://db/' })).toEqual({ TRADECORE_HOME: home, DATABASE_URL: 'postgres://db/' }));

  it('hold for a backup without a folder', () =>
    expect(backupEnvironment({ TRADECORE_HOME: home, BACKUP_DIR: '' })).toMatchObject({ BACKUP_DIR: '/left' }));
});
