import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { logins, services } from '@tradecore/local/runner/service-list.ts';
import { howToInstall } from './helm.ts';
import {
  chart,
  describeChart,
  env,
  helm,
  manifests,
  named,
  ofKind,
  podOf,
  pods,
  rendered,
  template,
  valuesFile,
} from './render.ts';

const values = ['minimal', 'full'];

describeChart(helm ? 'the chart' : `the chart (${howToInstall})`, () => {
  it.each(values)('passes lint, strictly, with %s values', (name) => {
    execFileSync(helm!, ['lint', '--strict', chart, '--values', valuesFile(name)], { stdio: 'pipe' });
  });

  it.each(values)('renders the golden manifests of %s values (UPDATE_GOLDEN=1 writes them)', (name) => {
    const golden = join(chart, `golden/${name}.yaml`);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, rendered(name));
    expect(rendered(name)).toBe(readFileSync(golden, 'utf8'));
  });

  it('names all missing required values at once', () => {
    const { stderr, status } = spawnSync(helm!, ['template', 'trade', chart], { encoding: 'utf8' });
    expect(status).not.toBe(0);
    for (const name of [
      'postgres.host',
      'kafka.brokers',
      'redis.url',
      'postgres.owner',
      'jwt.issuer',
      'jwt.jwksUrl',
      'broker.url',
    ]) {
      expect(stderr).toContain(name);
    }
  });

  it.each([
    ['an unknown value', 'postgres.hots=db', "additional properties 'hots'"],
    ['an unknown service', 'services.order-projektor.replicas=1', "additional properties 'order-projektor'"],
    ['the tag latest', 'image.tag=latest', '/image/tag'],
    ['an address without a port', 'kafka.brokers=kafka', '/kafka/brokers'],
    ['a route without a gateway', 'route.enabled=true', 'route.parentRefs'],
    ['a fleet without a broker', 'services.paper-broker.enabled=false', 'broker.url'],
    ['a broker without its keys', 'broker.url=https://broker', 'broker.existingSecret'],
    ['two brokers', 'broker.url=https://broker', 'one broker'],
    ['token keys over http', 'jwt.jwksUrl=http://login.example.com/jwks.json', '/jwt/jwksUrl'],
    ['an unknown limit', 'limits.ORDERS=5', "additional properties 'ORDERS'"],
    ['a broker address that is not a URL', 'broker.url=api.alpaca.markets', '/broker/url'],
    ['two paper brokers', 'services.paper-broker.replicas=2', '/services/paper-broker/replicas'],
    ['books without a valid size', 'broker.paper.size=much', '/broker/paper/size'],
    ['an invalid peer', 'networkPolicies.to.postgres[0].cidr=10.0.0.0/8', "additional properties 'cidr'"],
  ])('refuses %s', (_, setting, fault) => {
    const { stderr, status } = template('minimal', '--set', setting);
    expect(status).not.toBe(0);
    expect(stderr).toContain(fault);
  });

  it.each(values)('needs no more than Pod Security restricted allows (%s values)', (name) => {
    const all = pods(manifests(name));
    expect(all.length).toBeGreaterThan(4);
    for (const pod of all) {
      expect(pod['automountServiceAccountToken']).toBe(false);
      expect(pod['securityContext']).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 10001,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod['containers']![0]!['securityContext']).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(pod['containers']![0]!['resources']!['limits']).toHaveProperty('memory');
    }
  });

  it('gives each service its own login and no other password', () => {
    for (const deployment of ofKind('Deployment', manifests('minimal'))) {
      const service = deployment['metadata']!['labels']!['app.kubernetes.io/component']!;
      const variables = env(podOf(deployment));
      if (['paper-broker', 'notifier'].includes(service)) {
        expect([variables.has('DATABASE_URL'), variables.has('PGPASSWORD')]).toEqual([false, false]);
        continue;
      }
      expect(variables.get('DATABASE_URL')!['value']).toBe(
        `postgres://tradecore_${service.replaceAll('-', '_')}@postgres:5432/tradecore`,
      );
      expect(variables.get('PGPASSWORD')!['valueFrom']).toEqual({
        secretKeyRef: { name: 'trade-tradecore-logins', key: service },
      });
      expect(variables.has('REDIS_URL')).toBe(/-(api|projector)$/.test(service));
    }
  });

  it('sends orders to the paper broker of the release if it runs, with keys that both know', () => {
    const all = manifests('minimal');
    const deployed = ofKind('Deployment', all);
    const gateway = env(podOf(named('trade-tradecore-broker-gateway', deployed)));
    const paper = env(podOf(named('trade-tradecore-paper-broker', deployed)));
    expect(gateway.get('BROKER')!['value']).toBe('paper');
    expect(gateway.get('BROKER_URL')!['value']).toBe('http://trade-tradecore-paper-broker');
    expect(gateway.has('BROKER_STREAM_URL')).toBe(false);
    for (const key of ['KEY_ID', 'SECRET_KEY'])
      expect(gateway.get(`BROKER_${key}`)!['valueFrom']).toEqual(paper.get(`PAPER_${key}`)!['valueFrom']);
    expect(ofKind('Secret', all).map((each) => each['metadata']!['name'])).toContain('trade-tradecore-broker');
  });

  it('sends orders to the broker of the values, with the keys of its Secret, and then runs no paper broker', () => {
    const all = manifests('full');
    const gateway = env(podOf(named('desk-broker-gateway', ofKind('Deployment', all))));
    expect(gateway.get('BROKER_URL')!['value']).toBe('https://paper-api.alpaca.markets');
    expect(gateway.get('BROKER_SECRET_KEY')!['valueFrom']).toEqual({ secretKeyRef: { name: 'desk-alpaca', key: 'secret' } });
    expect(all.filter((each) => each['metadata']!['name']!.endsWith('paper-broker'))).toEqual([]);
    const others = ofKind('Deployment', all).filter((each) => !each['metadata']!['name']!.endsWith('broker-gateway'));
    expect(others.filter((each) => JSON.stringify(each).includes('desk-alpaca'))).toEqual([]);
  });

  it('creates a new migrator Job when its spec changes, and none otherwise', () => {
    const job = (...more: string[]) => ofKind('Job', manifests('minimal', ...more))[0]!['metadata']!['name'];
    expect(job()).toBe(job());
    expect(job('--set', 'services.command-api.replicas=5')).toBe(job());
    expect(job('--set', 'image.tag=0.2.0')).not.toBe(job());
    expect(job('--set', 'kafka.partitions=12')).not.toBe(job());
    expect(job('--set', 'migrator.run=2')).not.toBe(job());
  });

  it('rolls the pods when their settings change', () => {
    const checksum = (...more: string[]) =>
      ofKind('Deployment', manifests('minimal', ...more))[0]!['spec']!['template']!['metadata']!['annotations']![
        'checksum/config'
      ];
    expect(checksum('--set', 'settings.logLevel=debug')).not.toBe(checksum());
  });

  it('stops a pod no sooner than its service may take to drain', () => {
    for (const deployment of ofKind('Deployment', manifests('full'))) {
      const pod = podOf(deployment);
      const drain = Number(env(pod).get('STOP_LIMIT')!['value']) / 1000;
      const sleep = Number(pod['containers']![0]!['lifecycle']?.['preStop']!['sleep']!['seconds'] ?? 0);
      expect(Number(pod['terminationGracePeriodSeconds'])).toBeGreaterThan(sleep + drain);
    }
  });

  it('protects services of several replicas from a drain, and never blocks one of a single replica', () => {
    const names = (more: string[]) =>
      ofKind('PodDisruptionBudget', manifests('minimal', ...more)).map((each) => each['metadata']!['name']);
    expect(names([])).toHaveLength(11);
    expect(names(['--set', 'services.outbox-relay.replicas=1'])).not.toContain('trade-tradecore-outbox-relay');
  });

  it('leaves out a service that is switched off', () => {
    const all = manifests('minimal', '--set', 'services.feed-projector.enabled=false');
    expect(all.filter((each) => each['metadata']!['name']!.endsWith('feed-projector'))).toEqual([]);
  });

  it('sends reads and the stream to query-api and everything else to command-api', () => {
    const rules = named('desk', ofKind('HTTPRoute', manifests('full')))['spec']!['rules']!;
    expect(rules).toEqual([
      {
        matches: [
          { method: 'GET' },
          { method: 'HEAD' },
          { path: { type: 'PathPrefix', value: '/v1/stream' } },
          { path: { type: 'Exact', value: '/v1/stream-tickets' } },
        ],
        backendRefs: [{ name: 'desk-query-api', port: 80 }],
      },
      { backendRefs: [{ name: 'desk-command-api', port: 80 }] },
    ]);
  });

  it('loads telemetry only when spans have somewhere to go', () => {
    const args = (name: string) =>
      ofKind('Deployment', manifests(name)).map((each) => podOf(each)['containers']![0]!['args']!.join(' '));
    expect(args('minimal').filter((each) => each.includes('telemetry'))).toEqual([]);
    expect(args('full').filter((each) => !each.startsWith('--import @tradecore/telemetry/start '))).toEqual([]);
  });

  it('can be part of another chart', () => {
    expect(template('minimal', '--set', 'global.x=1', '--set', 'enabled=true').status).toBe(0);
  });
});

describe('the chart and npm start', () => {
  it('know the same services, and the same logins', () => {
    const { services: charted, serviceDefaults } = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as {
      services: Record<string, { login?: boolean }>;
      serviceDefaults: { login: boolean };
    };
    expect(Object.keys(charted).sort()).toEqual(services.map(({ name }) => name).sort());
    const withLogin = Object.entries(charted).filter(([, { login = serviceDefaults.login }]) => login);
    expect(withLogin.map(([name]) => name).sort()).toEqual([...logins].sort());
  });
});

describe('the README of the chart', () => {
  const leaves = (value: unknown, path: string): string[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
      ? Object.entries(value).flatMap(([key, each]) => leaves(each, path ? `${path}.${key}` : key))
      : [path];

  it('explains every value', () => {
    const { services: _, ...explained } = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as Record<string, unknown>;
    const readme = readFileSync(join(chart, 'README.md'), 'utf8');
    const paths = leaves(explained, '').map((path) => path.replace(/\.resources\..*/, '.resources'));
    expect(paths.length).toBeGreaterThan(40);
    expect(paths.filter((path) => !readme.includes(`\`${path}\``))).toEqual([]);
  });
});
