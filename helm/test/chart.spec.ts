import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { logins, services } from '@tradecore/local/runner/service-list.ts';
import { argumentsOf, chart, describeChart, golden, helm, manifests, ofKind, template, worlds, type World } from './render.ts';

const all = Object.keys(worlds) as World[];
const committed = all.filter((world) => world !== 'zero' && world !== 'kafka');

describeChart('the chart', () => {
  it.each(all)('passes lint, strictly: %s', (world) => {
    execFileSync(helm!, ['lint', '--strict', chart, ...argumentsOf(world).slice(0, 2 * worlds[world].length)], { stdio: 'pipe' });
  });

  it.each(committed)('renders the golden manifests: %s (UPDATE_GOLDEN=1 writes them)', (world) => {
    const file = join(chart, `golden/${world}.yaml`);
    const now = golden(world);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(file, now);
    expect(now).toBe(readFileSync(file, 'utf8'));
    expect(parseAllDocuments(now).flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('names all missing required values at once', () => {
    const { stderr, status } = template('zero', '--values', join(chart, 'presets/external.yaml'));
    expect(status).not.toBe(0);
    const wanted = [
      ...['postgres.external.host', 'redpanda.external.brokers', 'redis.external.url', 'postgres.external.owner.password'],
      ...['jwt.issuer', 'jwt.jwksUrl', 'broker.url'],
    ];
    expect(wanted.filter((name) => !stderr.includes(`${name}:`))).toEqual([]);
  });

  it.each<[string, World, string, string]>([
    ['an unknown value', 'zero', 'postgres.hots=db', "additional properties 'hots'"],
    ['an unknown service', 'zero', 'services.order-projektor.replicas=1', "additional properties 'order-projektor'"],
    ['the tag latest', 'zero', 'image.tag=latest', '/image/tag'],
    ['an address without a port', 'external', 'redpanda.external.brokers=kafka', '/redpanda/external/brokers'],
    ['a route without a gateway', 'zero', 'route.enabled=true', 'route.parentRefs'],
    [
      'an Ingress without the address behind it',
      'full',
      'ingress.enabled=true',
      'ingress.enabled needs services.gateway.enabled',
    ],
    ['an Ingress without a name', 'zero', 'ingress.enabled=true', 'ingress.hosts'],
    ['a fleet without a brokerage', 'zero', 'services.paper-broker.enabled=false', 'broker.url'],
    ['a brokerage without its keys', 'zero', 'broker.url=https://broker', 'broker.existingSecret'],
    ['two brokerages', 'ha', 'services.paper-broker.enabled=true', 'one broker'],
    ['token keys over http', 'zero', 'jwt.jwksUrl=http://login.example.com/jwks.json', '/jwt/jwksUrl'],
    ['two issuers', 'zero', 'jwt.issuer=https://login/,issuer.enabled=true', 'jwt.issuer or issuer.enabled, not both'],
    ['the bundled issuer in production: ha', 'ha', 'jwt.issuer=,issuer.enabled=true', 'production needs an identity provider'],
    ['the bundled issuer in production: external', 'external', 'jwt.issuer=,issuer.enabled=true', 'needs an identity provider'],
    ['an unknown limit', 'zero', 'limits.ORDERS=5', "additional properties 'ORDERS'"],
    ['a brokerage address that is not a URL', 'zero', 'broker.url=api.alpaca.markets', '/broker/url'],
    ['two paper brokers', 'zero', 'services.paper-broker.replicas=2', '/services/paper-broker/replicas'],
    ['books without a valid size', 'zero', 'broker.paper.size=much', '/broker/paper/size'],
    ['an invalid peer', 'zero', 'networkPolicies.to.postgres[0].cidr=10.0.0.0/8', "additional properties 'cidr'"],
    ['a bundled and an external PostgreSQL', 'zero', 'postgres.external.host=db', 'say postgres.enabled=false'],
    ['a bundled and an external Kafka API', 'zero', 'redpanda.external.brokers=kafka:9092', 'say redpanda.enabled=false'],
    ['a bundled and an external Redis', 'zero', 'redis.external.url=redis://cache', 'say redis.enabled=false'],
    ['no Redis', 'zero', 'redis.enabled=false', 'redis.external.url: where the server is'],
    ['two brokers of the Kafka API', 'zero', 'redpanda.replicas=2', '/redpanda/replicas'],
    ['more copies than brokers', 'zero', 'topics.replication=3', '3 copies do not fit on 1 broker(s)'],
    ['an unknown sslmode', 'external', 'postgres.external.sslmode=prefer', '/postgres/external/sslmode'],
    [
      'an authority of PostgreSQL without TLS',
      'external',
      'postgres.external.sslmode=disable',
      'postgres.external.ca: nothing is encrypted',
    ],
    [
      'verify-ca without an authority',
      'external',
      'postgres.external.sslmode=verify-ca,postgres.external.ca.existingSecret=',
      'verify-ca needs postgres.external.ca.existingSecret',
    ],
    [
      'an authority of Kafka without TLS',
      'external',
      'redpanda.external.tls.enabled=false',
      'nothing is encrypted without redpanda.external.tls.enabled=true',
    ],
    ['an unknown mechanism', 'external', 'redpanda.external.sasl.mechanism=GSSAPI', '/redpanda/external/sasl/mechanism'],
    [
      'a mechanism without a login',
      'external',
      'redpanda.external.sasl.existingSecret=',
      'redpanda.external.sasl.existingSecret: the Secret with the login',
    ],
    [
      'a login without a mechanism',
      'external',
      'redpanda.external.sasl.mechanism=',
      'redpanda.external.sasl.mechanism: PLAIN, SCRAM',
    ],
    [
      'a password in the clear, in production',
      'external',
      'redpanda.external.sasl.mechanism=PLAIN,redpanda.external.tls.enabled=false,redpanda.external.tls.ca.existingSecret=',
      'sends the password unencrypted',
    ],
    [
      'an authority of Redis without TLS',
      'external',
      'redis.external.existingSecret=,redis.external.url=redis://cache',
      'unless redis.external.url begins with rediss:',
    ],
    ['TLS towards a bundled server', 'zero', 'redpanda.external.tls.enabled=true', 'say redpanda.enabled=false'],
    ['Console towards brokers with TLS', 'external', 'console.enabled=true', 'the Console of the release knows no TLS'],
    ['pools beyond the server: external', 'external', 'postgres.external.maxConnections=300', '300 connections are too few'],
    ['pools beyond the server: bundled', 'zero', 'postgres.maxConnections=100', '100 connections are too few'],
  ])('refuses %s', (_, world, setting, fault) => {
    const { stderr, status } = template(world, '--set', setting);
    expect(status).not.toBe(0);
    expect(stderr).toContain(fault);
  });

  it('can be part of another chart', () => {
    expect(template('zero', '--set', 'global.x=1', '--set', 'enabled=true').status).toBe(0);
  });

  it('renders whatever is added, templates included', () => {
    expect(manifests('full').map((each) => each['metadata']!['name'])).toContain('trade-extra');
  });
});

describe('the chart and npm start', () => {
  it('know the same services, and the same logins', () => {
    const { services: charted, serviceDefaults } = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as {
      services: Record<string, { login?: boolean }>;
      serviceDefaults: { login: boolean };
    };
    // `npm start` opens the address and signs tokens in its own process.
    expect(Object.keys(charted).sort()).toEqual([...services.map(({ name }) => name), 'gateway', 'token-issuer'].sort());
    const withLogin = Object.entries(charted).filter(([, { login = serviceDefaults.login }]) => login);
    expect(withLogin.map(([name]) => name).sort()).toEqual([...logins].sort());
  });
});

describeChart('what zero values ask of a cluster', () => {
  it('is less than 1.5 CPU and 4 GiB, the migrator included', () => {
    const mebibytes = (text: string) => (text.endsWith('Gi') ? 1024 * Number.parseFloat(text) : Number.parseFloat(text));
    const cores = (text: string) => (text.endsWith('m') ? Number.parseFloat(text) / 1000 : Number(text));
    const requests = ['Deployment', 'StatefulSet', 'Job']
      .flatMap((kind) => ofKind(kind, manifests('zero')))
      .flatMap(({ spec }) => Array<typeof spec>(Number(spec!['replicas'] ?? 1)).fill(spec))
      .flatMap((spec) => [...spec!['template']!['spec']!['containers']!].map((each) => each['resources']!['requests']!));
    expect(requests.length).toBeGreaterThan(18);
    const sum = (values: number[]) => values.reduce((all, each) => all + each, 0);
    expect(sum(requests.map(({ cpu }) => cores(String(cpu))))).toBeLessThan(1.5);
    expect(sum(requests.map(({ memory }) => mebibytes(String(memory))))).toBeLessThan(4096);
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
    const whole = /\.(resources|podSecurityContext|securityContext|autoscaling)\..*/;
    const paths = [...new Set(leaves(explained, '').map((path) => path.replace(whole, '.$1')))];
    expect(paths.length).toBeGreaterThan(40);
    expect(paths.filter((path) => !readme.includes(`\`${path}\``))).toEqual([]);
  });
});
