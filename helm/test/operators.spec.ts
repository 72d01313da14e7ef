import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chart,
  componentOf,
  describeChart,
  env,
  isService,
  manifests,
  named,
  ofKind,
  podOf,
  template,
  type Json,
  type World,
} from './render.ts';

const deployment = (name: string, world: World, ...more: string[]): Json =>
  podOf(named(name, ofKind('Deployment', manifests(world, ...more))));
const settings = (pod: Json, ...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, env(pod).get(name)?.['value']]));

describeChart('the pod of operators', () => {
  it('has the login of operators and the addresses of all that `tradecore` asks', () => {
    const pod = deployment('trade-tradecore-operate', 'external');
    expect(settings(pod, 'DATABASE_URL', 'KAFKA_BROKERS', 'DOOR_URL')).toEqual({
      DATABASE_URL: expect.stringContaining('postgres://tradecore_operator@db.example.com:5432/tradecore?sslmode=verify-full'),
      KAFKA_BROKERS: 'kafka-0:9092,kafka-1:9092',
      DOOR_URL: 'http://trade-tradecore-gateway',
    });
    expect(env(pod).get('PGPASSWORD')!['valueFrom']).toEqual({ secretKeyRef: { name: 'logins', key: 'operator' } });
    expect(pod['containers']![0]).not.toHaveProperty('ports');
  });

  it('knows the admin port of every service, and of the backup where one follows', () => {
    const admins = (world: World) =>
      env(deployment('trade-tradecore-operate', world))
        .get('ADMIN_URLS')!
        ['value']!.split(' ')
        .map((each) => each.split('=')[0]);
    const services = (world: World) => ofKind('Deployment', manifests(world)).filter(isService).map(componentOf);
    expect(admins('external').sort()).toEqual(services('external').sort());
    expect(admins('zero').sort()).toEqual([...services('zero'), 'backup'].sort());
  });

  it('comes to the door at the address, else at command-api', () => {
    const rules = (name: string) => JSON.stringify(named(name, ofKind('NetworkPolicy', manifests('full')))['spec']!['ingress']);
    expect(env(deployment('desk-operate', 'full')).get('DOOR_URL')!['value']).toBe('http://desk-command-api');
    expect(rules('desk-command-api')).toContain('"operate"');
    expect(rules('desk-query-api')).not.toContain('"operate"');
  });

  it('is left out on demand, and its login with it', () => {
    const without = manifests('zero', '--set', 'operate.enabled=false');
    expect(without.filter((each) => each['metadata']!['name']!.includes('operate'))).toEqual([]);
    expect(Object.keys(named('trade-tradecore-logins', ofKind('Secret', without))['data']!)).not.toContain('operator');
  });
});

const restoring = ['--set', 'restore.enabled=true,restore.why=the disk is lost'];

describeChart('the backup', () => {
  const pod = () => deployment('trade-tradecore-backup', 'zero');

  it('follows the bundled PostgreSQL, and an external one only if asked', () => {
    const follows = (world: World, ...more: string[]) =>
      ofKind('Deployment', manifests(world, ...more))
        .map(componentOf)
        .includes('backup');
    expect([follows('zero'), follows('external')]).toEqual([true, false]);
    expect(follows('external', '--set', 'backup.enabled=true,backup.postgresImage.tag=16')).toBe(true);
    const { stderr } = template('external', '--set', 'backup.enabled=true');
    expect(stderr).toContain('backup.postgresImage.tag: an image with the programs');
    expect(follows('zero', '--set', 'backup.enabled=false')).toBe(false);
  });

  it('logs in for replication, as PostgreSQL lets it and nobody else', () => {
    expect(env(pod()).get('DATABASE_URL')!['value']).toBe('postgres://tradecore_backup@trade-tradecore-postgres:5432/tradecore');
    const migrator = podOf(ofKind('Job', manifests('zero'))[0]!);
    const files = migrator['volumes']![0]!['secret']!['items']!.map(({ path }) => path);
    expect(files).toEqual(expect.arrayContaining(['backup', 'operator']));
    const access = (...more: string[]) =>
      named('trade-tradecore-postgres', ofKind('ConfigMap', manifests('zero', ...more)))
        ['data']!['pg_hba.conf']!.trim()
        .split('\n');
    const everybody = ['local all all trust', 'host all all all scram-sha-256'];
    expect(access()).toEqual([...everybody, 'host replication tradecore_backup all scram-sha-256']);
    expect(access('--set', 'backup.enabled=false')).toEqual(everybody);
    const [server] = podOf(named('trade-tradecore-postgres', ofKind('StatefulSet', manifests('zero'))))['containers']!;
    expect([...server!['args']!]).toContain('hba_file=/etc/tradecore/pg_hba.conf');
    expect(server!['volumeMounts']!.map(({ mountPath }) => mountPath)).toContain('/etc/tradecore');
  });

  it("has the programs of the server's own image, and its account", () => {
    const server = podOf(named('trade-tradecore-postgres', ofKind('StatefulSet', manifests('zero'))));
    expect(pod()['initContainers']![0]!['image']).toBe(server['containers']![0]!['image']);
    expect(pod()['securityContext']).toEqual(server['securityContext']);
    expect(pod()['containers']![0]!['args']).toEqual(['services/operate/dist/main.js', 'backup', '--follow']);
  });

  it('is tried once a week, where its volume is, unless PostgreSQL itself is restored', () => {
    const test = (...more: string[]) => ofKind('CronJob', manifests('zero', ...more))[0]?.['spec'];
    const pod = test()!['jobTemplate']!['spec']!['template']!['spec']!;
    const [near] = pod['affinity']!['podAffinity']!['requiredDuringSchedulingIgnoredDuringExecution']!;
    const backup = named('trade-tradecore-backup', ofKind('Deployment', manifests('zero')))['spec']!['template']!;
    expect(backup['metadata']!['labels']).toMatchObject(near!['labelSelector']!['matchLabels']!);
    expect(pod['volumes']!.flatMap((each) => each['persistentVolumeClaim']?.['claimName'] ?? [])).toEqual([
      'trade-tradecore-backup',
    ]);
    expect(pod['containers']![0]!['args']![0]).toContain('tradecore restore --aside --into');
    expect([test()!['suspend'], test(...restoring)!['suspend']]).toEqual([false, true]);
  });

  it('keeps its volume when the release goes, and is scraped', () => {
    const claim = named('trade-tradecore-backup', ofKind('PersistentVolumeClaim', manifests('zero')));
    expect(claim['metadata']!['annotations']).toEqual({ 'helm.sh/resource-policy': 'keep' });
    const [fleet] = ofKind('PodMonitor', manifests('observability'));
    expect(JSON.stringify(fleet!['spec']!['selector'])).toContain('"backup"');
  });
});

describeChart('a restore', () => {
  const job = (...more: string[]): Json => ofKind('Job', manifests('zero', ...restoring, ...more))[0]!;

  it('stops whatever writes, PostgreSQL and its backup included, and is the only Job', () => {
    const rendered = manifests('zero', ...restoring);
    const pods = ofKind('Deployment', rendered).filter((each) => isService(each) || componentOf(each) === 'backup');
    expect(pods.filter(({ spec }) => `${spec!['replicas']}` !== '0').map(componentOf)).toEqual([]);
    expect(named('trade-tradecore-postgres', ofKind('StatefulSet', rendered))['spec']!['replicas']).toBe(0);
    expect(ofKind('Job', rendered).map(componentOf)).toEqual(['restore']);
  });

  it('has both volumes, and no node starts it while PostgreSQL has a pod', () => {
    const pod = podOf(job());
    const claims = pod['volumes']!.flatMap((each) => each['persistentVolumeClaim']?.['claimName'] ?? []);
    expect(claims).toEqual(['trade-tradecore-backup', 'data-trade-tradecore-postgres-0']);
    const [never] = pod['affinity']!['podAntiAffinity']!['requiredDuringSchedulingIgnoredDuringExecution']!;
    expect(never!['topologyKey']).toBe('kubernetes.io/os');
    const server = named('trade-tradecore-postgres', ofKind('StatefulSet', manifests('zero')))['spec']!['template']!;
    expect(server['metadata']!['labels']).toMatchObject(never!['labelSelector']!['matchLabels']!);
  });

  it('is another Job for another moment, and never a second try', () => {
    const name = (...more: string[]) => job(...more)['metadata']!['name'];
    expect(name('--set', 'restore.to=2026-11-27T09:30:00Z')).not.toBe(name());
    expect(job()['spec']!['backoffLimit']).toBe(0);
  });

  it.each([
    ['without a backup', 'backup.enabled=false', 'restore.enabled needs the bundled PostgreSQL and its backup'],
    ['without a reason', 'restore.why=', 'restore.why'],
    ['while a moment of the last one stands', 'restore.enabled=false', 'or the next restore takes the moment of this one'],
    ['to a day', 'restore.to=2026-11-27', '/restore/to'],
  ])('is refused %s', (_, setting, fault) => {
    const { stderr, status } = template('zero', ...restoring, '--set', setting);
    expect([status === 0, stderr]).toEqual([false, expect.stringContaining(fault)]);
  });

  it('replaces the folder at its end alone, and keeps the old one', () => {
    const root = mkdtempSync(join(tmpdir(), 'restore-'));
    const script = readFileSync(join(chart, 'files/restore.sh'), 'utf8').replace('/var/lib/postgresql/data', root);
    const run = (status: number) => {
      const restored = `test ! -e "$3" && mkdir "$3" && echo "$@" >"$3/said"`;
      writeFileSync(
        join(root, 'bin/tradecore'),
        `#!/bin/sh\n${status === 0 ? restored : `mkdir "$3.restoring"; exit ${status}`}\n`,
        { mode: 0o755 },
      );
      const around = { PATH: `${root}/bin:${process.env['PATH']}`, RESTORE_WHY: 'the disk is lost', RESTORE_TO: '' };
      execFileSync('sh', ['-ec', script], { env: around, stdio: 'pipe' });
    };
    try {
      mkdirSync(join(root, 'bin'));
      mkdirSync(join(root, 'pgdata'));
      writeFileSync(join(root, 'pgdata/live'), '');
      expect(() => run(1)).toThrow();
      expect(existsSync(join(root, 'pgdata/live'))).toBe(true);
      run(0);
      expect(readFileSync(join(root, 'pgdata/said'), 'utf8')).toBe(`restore --into ${root}/restored --why the disk is lost\n`);
      const [before] = readdirSync(root).filter((name) => name.startsWith('pgdata.before-'));
      expect(existsSync(join(root, before!, 'live'))).toBe(true);
      expect(readdirSync(root).filter((name) => name.startsWith('restored'))).toEqual([]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
