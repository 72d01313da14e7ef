import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import { demoAccount } from '../src/runner/issuer.ts';
import { migrationRefusal } from '../src/runner/fleet.ts';

const door = fileURLToPath(new URL('../run.mjs', import.meta.url));

describe('the door of the npm scripts', () => {
  const bare = mkdtempSync(join(tmpdir(), 'bare-path-'));
  afterAll(() => rmSync(bare, { recursive: true }));
  const token = (...args: string[]) =>
    spawnSync(process.execPath, [door, 'token', ...args], { encoding: 'utf8', env: { ...process.env, TRADECORE_HOME: bare } });

  it('names everything that is missing at once: what was looked for, where, and the command that installs it', () => {
    symlinkSync(process.execPath, join(bare, 'node'));
    const { status, stderr } = spawnSync(process.execPath, [door, 'start'], {
      encoding: 'utf8',
      env: { PATH: bare, TRADECORE_HOME: bare },
    });
    expect(status).toBe(1);
    for (const program of ['npm', 'java']) expect(stderr).toContain(`looked for \`${program}\` in ${bare}`);
    expect(stderr).toMatch(/Install: .*(apt-get install -y openjdk-17|brew install openjdk@17)/);
  });

  it('names what is missing when the PATH is empty', () => {
    const { status, stderr } = spawnSync(process.execPath, [door, 'test'], {
      encoding: 'utf8',
      env: { PATH: '', TRADECORE_HOME: bare },
    });
    expect(status).toBe(1);
    expect(stderr).toContain('Something that TradeCore needs is missing:');
    for (const program of ['npm', 'java']) expect(stderr).toContain(`looked for \`${program}\` in an empty PATH`);
  });

  it.each([
    ['--role', 'admin', '--role is client, operator or treasury; it was "admin".'],
    ['--account', 'me', '--account is a UUID in lower case'],
    ['--subject', 'a b', '--subject is 1 to 200 printable characters'],
    ['--rank', 'client', '--rank'],
  ])('refuses a token with %s %s, in one line and without a token', (option, value, reason) => {
    const { status, stdout, stderr } = token(option, value);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(reason)]);
  });

  it('prints the token of an operator, and nothing else', () => {
    const { status, stdout } = token('--role', 'operator');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(decodeJwt(stdout.trim())).toMatchObject({ role: 'operator', accounts: [demoAccount] });
  });

  it('prints the token of a person who owns what they open', () => {
    expect(decodeJwt(token('--subject', 'ada').stdout.trim())).toMatchObject({ sub: 'local|ada', role: 'client', accounts: [] });
    expect(decodeJwt(token().stdout.trim())).toMatchObject({ sub: 'local|demo', accounts: [demoAccount] });
  });

  it('says which commands there are', () => {
    const { status, stderr } = spawnSync(process.execPath, [door, 'dance'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('No command "dance". There are: start, test, check');
  });
});

describe('a migrator that failed', () => {
  const line = (type: string) => JSON.stringify({ level: 'fatal', msg: 'could not start', err: { type, message: 'why' } });

  it('tells how to get on where the home is older than an edited migration, and else what went wrong', () => {
    expect(migrationRefusal(1, line('EditedMigrations')).message).toMatch(/npm run reset[^]*why/);
    const other = migrationRefusal(1, line('MissingRoles')).message;
    expect(other).toMatch(/ended with 1[^]*why/);
    expect(other).not.toContain('npm run reset');
  });
});
