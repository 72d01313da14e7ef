import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeAt } from '../src/runner/home.ts';
import { start } from '../src/runner/start.ts';
import { postgres } from '../src/servers/postgres.ts';
import { serverPlace } from '../src/servers/server-place.ts';

describe('the PostgreSQL of a fleet', () => {
  const home = homeAt(mkdtempSync(join(tmpdir(), 'postgres-')));
  const place = serverPlace(home);
  afterAll(() => {
    for (const path of [home.path, place.path]) rmSync(path, { recursive: true, force: true });
  });

  it('is not started on data of another version: the refusal says how to go on', () => {
    const data = place.folder('postgres');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'PG_VERSION'), '9\n');
    expect(() => postgres(home, place, { port: 1, durability: 'fast', build: 'npm' })).toThrow(
      /was made by PostgreSQL 9; .* has \d+[^]+npm start -- --postgres system/,
    );
  });

  it('is npm or system', async () => {
    await expect(start(['--postgres', 'oracle'])).rejects.toThrow('--postgres is npm or system; it was "oracle"');
  });
});
