import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '@tradecore/event-sourcing';
import { catalogue } from '@tradecore/events';
import { program } from '@tradecore/operate/program';
import { readModelMigrations } from '@tradecore/read-models';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { OwnPostgres, query } from './own-postgres.ts';
import { ended, freePort, until } from './world.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

describe('a backup of a PostgreSQL of its own', () => {
  const dir = mkdtempSync(join(tmpdir(), 'backup-'));
  const copied = mkdtempSync(join(tmpdir(), 'programs-'));
  let server: OwnPostgres;
  let owner: string;
  let adminPort: number;
  let follower: ChildProcess | undefined;

  beforeAll(async () => {
    server = await OwnPostgres.start();
    owner = await server.createDatabase('tradecore');
    const options = { catalogue, migrations: [...readModelMigrations, ...runtimeMigrations] };
    await migrate(owner, { ...options, services: ['backup'], rolePasswords: { backup: 'of-the-backup' } });
    await query(owner, 'create table moments (id int primary key)');
    const login = new URL(owner);
    Object.assign(login, { username: 'tradecore_backup', password: '' }); // the chart's pods have the password apart
    adminPort = await freePort();
    const settings = { DATABASE_URL: login.href, BACKUP_DIR: dir, POSTGRES_DATA: server.data, ADMIN_PORT: String(adminPort) };
    Object.assign(
      process.env,
      settings,
      { PGPASSWORD: 'of-the-backup' },
      process.platform === 'linux' ? asInTheChart() : namesOf(server.programs),
    );
  }, 60_000);

  const namesOf = ({ folder, libraries = '' }: OwnPostgres['programs']) => ({
    POSTGRES_PROGRAMS: folder,
    POSTGRES_LIBRARIES: libraries,
  });

  /** The programs and their libraries as the chart takes them out of PostgreSQL's image. */
  function asInTheChart(): object {
    const { folder, libraries = '' } = server.programs;
    const script = readFileSync(file('../helm/tradecore/files/programs.sh'), 'utf8').replaceAll('/programs', copied);
    const env = { PATH: `${folder}:${process.env['PATH']}`, LD_LIBRARY_PATH: libraries };
    execFileSync('sh', ['-ec', script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    chmodSync(copied, 0o755);
    return { POSTGRES_PROGRAMS: join(copied, 'bin'), POSTGRES_LIBRARIES: join(copied, 'lib') };
  }

  afterAll(async () => {
    follower?.kill('SIGTERM');
    if (follower) await ended(follower);
    await server.end();
    for (const path of [dir, copied]) rmSync(path, { recursive: true, force: true });
  }, 60_000);

  /** The command; its exit code and its output. */
  async function tradecore(...args: string[]): Promise<[code: number, said: string]> {
    const said: string[] = [];
    const code = await program(args, { say: (text) => said.push(text) });
    return [code, said.join('\n')];
  }

  const moments = async (): Promise<number[]> =>
    (await query<{ id: number }>(owner, 'select id from moments order by id')).map(({ id }) => id);
  const commit = (id: number) => query(owner, `insert into moments values (${id})`);
  const now = async (): Promise<string> =>
    (
      await query<{ now: string }>(
        owner,
        `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now`,
      )
    )[0]?.now ?? '';

  async function startFollower(): Promise<void> {
    const hook = ['--conditions=@tradecore/source', '--import', file('../typescript-hook.mjs')];
    const { NODE_OPTIONS: _, ...env } = process.env;
    follower = spawn(process.execPath, [...hook, file('../services/operate/src/main.ts'), 'backup', '--follow'], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await until('the receiver to be ready', async () => (await ask('/health/ready'))?.ok === true, 60_000);
  }

  const ask = (path: string): Promise<Response | undefined> =>
    fetch(`http://127.0.0.1:${adminPort}${path}`).catch(() => undefined);

  /** A metric of the receiver; NaN if it does not answer. */
  async function figure(name: string): Promise<number> {
    const text = (await (await ask('/metrics'))?.text()) ?? '';
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.split(' ').at(-1)?.replace('+Inf', 'Infinity'));
  }

  /** Waits until everything committed before this call can be restored. */
  async function received(): Promise<void> {
    const since = Date.now();
    const isHere = async () => {
      const asked = Date.now(); // the age is of a later moment, never of an earlier one
      return asked - (await figure('tradecore_backup_restorable_age_seconds')) * 1000 > since;
    };
    await until('what was committed to be received', isHere);
  }

  const series = (): string[] => readdirSync(dir).filter((name) => /^\d/.test(name));

  it('is refused if there is none to restore', async () => {
    expect(await tradecore('restore', '--into', join(dir, 'x'))).toEqual([1, expect.stringContaining('has no base')]);
  });

  it('is one base, whole, and is never restored over data', async () => {
    await commit(1);
    expect(await tradecore('backup')).toEqual([0, expect.stringContaining('restorable from')]);
    expect(await tradecore('restore')).toEqual([1, expect.stringContaining(`${server.data} holds data`)]);
    expect(await tradecore('restore', '--into', `${server.data}-2`, '--to', '2020-01-01T00:00:00Z')).toEqual([
      1,
      expect.stringContaining('The first moment that can be restored is'),
    ]);
    expect(await tradecore('restore', '--to', 'yesterday')).toEqual([64, expect.stringContaining('RFC 3339')]);
  }, 30_000);

  it('restores commits after the base, up to the last byte received', async () => {
    await startFollower();
    for (const id of [2, 3, 4]) await commit(id);
    await received();
    await server.destroy();
    expect(await tradecore('restore')).toEqual([0, expect.stringContaining('tradecore relay resume')]);
    await server.startAgain();
    expect(await moments()).toEqual([1, 2, 3, 4]);
    const done = `select event_data->>'command' as command from event_store where aggregate_type = 'Operation'`;
    expect(await query(owner, `${done} union all select 'pending ' || command from pending_operations`)).toEqual([
      { command: 'backup' },
      { command: 'backup' },
      { command: 'pending restore' },
    ]);
  }, 90_000);

  it('starts a new series with a base at once if the server has another timeline', async () => {
    await until(
      'a base of the new timeline',
      async () => (await figure('tradecore_backup_bases_total{outcome="taken"}')) === 2,
      30_000,
    );
    expect(await figure('tradecore_backup_series_begun_total{reason="timeline"}')).toBe(1);
    expect(await figure('tradecore_backup_restore_age_seconds')).toBeLessThan(60);
    expect(await figure('tradecore_backup_base_age_seconds')).toBeLessThan(60);
  }, 60_000);

  it('is restored beside the live one as a store of another name, which is closed', async () => {
    const copy = server.folder('aside');
    expect(await tradecore('restore', '--aside')).toEqual([64, expect.stringContaining('--into FOLDER is required')]);
    expect(await tradecore('restore', '--aside', '--into', copy)).toEqual([0, expect.stringContaining('stays closed')]);
    const store = `select store_id::text as id, copy_of::text as "copyOf", closed_reason as why, halted_reason->>'why' as halted
                     from store_identity, outbox_relay`;
    interface Store {
      readonly id: string;
      readonly copyOf: string | null;
      readonly why: string;
      readonly halted: string | null;
    }
    const [live] = await query<Store>(owner, store);
    const [aside] = await server.beside(copy, (url) => query<Store>(server.urlOf('tradecore', url), store));
    expect(aside).toMatchObject({ copyOf: live?.id, why: expect.stringMatching(/^restored to the latest moment/) as string });
    expect(aside?.halted).toMatch(/beside the live one$/);
    expect(aside?.id).not.toBe(live?.id);
  }, 90_000);

  it('lets stand what came into its folder meanwhile, and says where the restored data are', async () => {
    const busy = server.folder('busy');
    const said: string[] = [];
    const say = (text: string): void => {
      said.push(text);
      if (text === 'it is copied') writeFileSync(join(busy, 'mine'), 'kept');
    };
    expect(await program(['restore', '--aside', '--into', busy], { say })).toBe(1);
    expect(said.at(-1)).toMatch(new RegExp(`are whole, in ${busy}.restoring, .* then: mv ${busy}.restoring ${busy}$`));
    expect(readFileSync(join(busy, 'mine'), 'utf8')).toBe('kept');
    rmSync(busy, { recursive: true });
    renameSync(`${busy}.restoring`, busy);
    const asked = (url: string) => query(server.urlOf('tradecore', url), 'select closed_at is null as open from store_identity');
    expect(await server.beside(busy, asked)).toEqual([{ open: false }]);
  }, 90_000);

  it('restores the requested moment, and nothing after it', async () => {
    await commit(5);
    const moment = await now();
    await commit(6);
    await received();
    await server.destroy();
    expect(await tradecore('restore', '--to', moment, '--json')).toEqual([0, expect.stringContaining('"timeline": 3')]);
    await server.startAgain();
    expect(await moments()).toEqual([1, 2, 3, 4, 5]);
  }, 90_000);

  it('reports that its slot is lost, and takes a new base at once', async () => {
    await until('the third base', async () => (await figure('tradecore_backup_bases_total{outcome="taken"}')) === 3, 30_000);
    const before = series().length;
    follower?.kill('SIGKILL');
    if (follower) await ended(follower);
    await query(owner, `select pg_terminate_backend(active_pid) from pg_replication_slots where active`);
    await until(
      'the slot to be free',
      async () => (await query(owner, 'select from pg_replication_slots where active')).length === 0,
    );
    await query(owner, `select pg_drop_replication_slot('tradecore_backup')`);
    await startFollower();
    await until('a new base', async () => (await figure('tradecore_backup_bases_total{outcome="taken"}')) === 1, 30_000);
    expect(await figure('tradecore_backup_series_begun_total{reason="slot-lost"}')).toBe(1);
    expect(series().length).toBeGreaterThanOrEqual(before); // the oldest was removed with its bases: two stay
  }, 90_000);

  it('removes the partial bases of killed ones whose pg_basebackup still writes', async () => {
    const [newest = ''] = series().toReversed();
    const killed = spawn(process.execPath, ['-e', '']);
    await ended(killed);
    const { POSTGRES_PROGRAMS = '', POSTGRES_LIBRARIES, DATABASE_URL = '' } = process.env;
    const env = { ...process.env, LD_LIBRARY_PATH: POSTGRES_LIBRARIES };
    // Three: a removal meets the moment of a write in each second one.
    const partial = [1, 2, 3].map((each) => join(dir, newest, 'bases', `.${each}-${killed.pid}`));
    const left = partial.map((path) =>
      spawn(join(POSTGRES_PROGRAMS, 'pg_basebackup'), ['-d', DATABASE_URL, '-D', join(path, 'data'), '--checkpoint=fast'], {
        env,
      }),
    );
    await until('files of all', () => partial.every((path) => existsSync(join(path, 'data', 'backup_label'))));
    expect((await tradecore('backup'))[0]).toBe(0);
    await Promise.all(left.map(ended));
    expect(partial.filter((path) => existsSync(path))).toEqual([]);
  }, 60_000);

  it('leaves no partial base when it is killed', async () => {
    const [newest = ''] = series().toReversed();
    const bases = join(dir, newest, 'bases');
    const child = spawn(
      process.execPath,
      [
        '--conditions=@tradecore/source',
        '--import',
        file('../typescript-hook.mjs'),
        file('../services/operate/src/main.ts'),
        'backup',
      ],
      { stdio: 'ignore', env: { ...process.env, NODE_OPTIONS: '' } },
    );
    // The follower may take a base of its own meanwhile.
    const partial = () => readdirSync(bases).filter((name) => name.startsWith('.') && name.endsWith(`-${child.pid}`));
    await until('a base under way', () => partial().length > 0);
    child.kill('SIGKILL');
    await ended(child);
    const whole = readdirSync(bases).filter((name) => !name.startsWith('.'));
    for (const name of whole) expect(readFileSync(join(bases, name, 'base.json'), 'utf8')).toContain('firstSegment');
    expect((await tradecore('backup'))[0]).toBe(0);
    expect(partial()).toEqual([]);
  }, 60_000);
});
