import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import {
  argumentsOf,
  chart,
  componentOf,
  describeChart,
  env,
  helm,
  isService,
  manifests,
  named,
  ofKind,
  podOf,
  templateOf,
  workloads,
  type Json,
  type World,
} from './render.ts';

/** Every pod template by its component: what a rollout compares. */
const templates = (all: readonly Json[]): Map<string, string> =>
  new Map(
    workloads(all)
      .filter(({ kind }) => kind !== 'Pod')
      .map((each) => [componentOf(each), JSON.stringify(templateOf(each))]),
  );

/** The components whose pods roll between two renders. */
const rolled = (before: readonly Json[], after: readonly Json[]): string[] => {
  const known = templates(before);
  return [...templates(after)].flatMap(([component, text]) => (known.get(component) === text ? [] : [component])).sort();
};

describeChart('an upgrade', () => {
  const rolledBy = (world: World, ...settings: string[]) =>
    rolled(manifests(world), manifests(world, ...settings.flatMap((each) => ['--set-string', each])));

  it('that changes nothing rolls nobody', () => {
    const again = manifests('external', '--set', 'logins.existingSecret=logins');
    expect(rolled(manifests('external'), again)).toEqual([]);
    expect(ofKind('Job', again)[0]!['metadata']!['name']).toBe(ofKind('Job', manifests('external'))[0]!['metadata']!['name']);
  });

  it('to a chart of another version with the same image rolls nobody', () => {
    const folder = mkdtempSync(join(tmpdir(), 'chart-'));
    try {
      cpSync(chart, folder, { recursive: true });
      const file = join(folder, 'Chart.yaml');
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^version: .*$/m, 'version: 9.9.9'));
      const text = execFileSync(helm!, ['template', 'trade', folder, '--namespace', 'trading', ...argumentsOf('external')]);
      const other = parseAllDocuments(text.toString()).map((document) => document.toJS() as Json);
      expect(JSON.stringify(other)).toContain('tradecore-9.9.9');
      expect(rolled(manifests('external'), other)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('rolls exactly those whom a setting concerns', () => {
    const doors = ['command-api', 'query-api'];
    expect(rolledBy('external', 'jwt.audience=desk')).toEqual(doors);
    expect(rolledBy('external', 'limits.LIMIT_ORDERS=5/10')).toEqual(doors);
    expect(rolledBy('external', 'broker.streamUrl=wss://other/stream')).toEqual(['broker-gateway']);
    expect(rolledBy('external', 'redis.external.existingSecret=other')).toEqual(
      [...templates(manifests('external')).keys()].filter((name) => /-(api|projector)$/.test(name)).sort(),
    );
  });

  it('rolls exactly those who trust an authority, or log in with a Secret, when another takes its place', () => {
    const using = (setting: string) =>
      workloads(manifests('external'))
        .filter((each) => each['kind'] !== 'Pod' && env(podOf(each)).has(setting))
        .map(componentOf)
        .sort();
    for (const [authority, setting] of [
      ['redpanda.external.sasl', 'KAFKA_BROKERS'],
      ['redpanda.external.tls.ca', 'KAFKA_BROKERS'],
      ['postgres.external.ca', 'DATABASE_URL'],
      ['redis.external.ca', 'REDIS_URL'],
    ] as const)
      expect(rolledBy('external', `${authority}.existingSecret=other`)).toEqual(using(setting));
  });

  it('rolls exactly those who use Redis when its URL changes, though it stands in a Secret', () => {
    const at = (url: string) =>
      manifests('external', '--set-string', `redis.external.existingSecret=,redis.external.url=rediss://${url}`);
    expect(rolled(at('one'), at('two'))).toEqual(
      [...templates(manifests('external')).keys()].filter((name) => /-(api|projector)$/.test(name)).sort(),
    );
  });

  it('makes a new migrator Job when what it does changes, and none otherwise', () => {
    const job = (...more: string[]) => ofKind('Job', manifests('external', ...more))[0]!['metadata']!['name'];
    expect(job('--set', 'services.command-api.replicas=5')).toBe(job());
    for (const setting of ['image.tag=0.2.0', 'topics.partitions=12', 'migrator.run=2'])
      expect(job('--set', setting)).not.toBe(job());
  });

  it('keeps what the migrator said, gives it a limit, and waits longer for pods than pods wait for servers', () => {
    const [{ spec }] = ofKind('Job', manifests('zero')) as [Json];
    expect([podOf(ofKind('Job', manifests('zero'))[0]!)['restartPolicy'], spec!['activeDeadlineSeconds']]).toEqual([
      'Never',
      1800,
    ]);
    expect(spec).not.toHaveProperty('ttlSecondsAfterFinished');
    for (const deployment of ofKind('Deployment', manifests('external')).filter(isService)) {
      const startLimit = Number(env(podOf(deployment)).get('START_LIMIT')!['value']) / 1000;
      expect(Number(deployment['spec']!['progressDeadlineSeconds'])).toBeGreaterThan(startLimit + 60);
    }
  });

  it('draws each generated password once a render: what is stored is what is hashed', () => {
    const rendered = manifests('zero');
    const stored = (kind: string, key: string) => named(`trade-tradecore-${kind}`, ofKind('Secret', rendered))['data']![key]!;
    const read = [stored('logins', 'command-api'), stored('redis', 'password'), stored('issuer', 'tls.crt')];
    const hash = createHash('sha256')
      .update(read.map((each) => `\n${each}`).join(''))
      .digest('hex');
    expect(templates(rendered).get('command-api')).toContain(`"checksum/secrets":"${hash}"`);
  });
});
