import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { jest } from '@jest/globals';
import kafkajs, { type Admin } from 'kafkajs';
import { topics } from '@tradecore/events';
import { createKafkaClient, type KafkaClient } from '@tradecore/messaging';
import { setLogLevel } from '@tradecore/telemetry';
import { openFleet, program } from '@tradecore/operate/program';
import { kafkaSettings, readConfig } from '@tradecore/service/config';
import { until } from '../world.ts';
import { Authority } from './authority.ts';
import { FleetOfLogins } from '../fleet-of-logins.ts';
import { ManagedServers, type ManagedKafka } from './servers.ts';

// A broker, its transactions and a whole fleet start here, on a busy machine.
jest.setTimeout(120_000);

const lamps = { name: 'lamps', key: 'id', carries: 'lamps', writer: 'services', retentionMs: 60_000, partitions: 1 } as const;
const password = 'of-the-fleet';
const login = { KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', KAFKA_SASL_USERNAME: 'fleet', KAFKA_SASL_PASSWORD: password };

let servers: ManagedServers;
let kafka: ManagedKafka;
let admin: Admin;
/** Trusts the brokers. */
let tls: Record<string, string>;
const open: KafkaClient[] = [];

beforeAll(async () => {
  setLogLevel('fatal'); // what is refused here is refused on purpose
  servers = new ManagedServers();
  const logins = new Set((await listed('')).map(({ principal }) => principal.replace('User:', '')));
  kafka = await servers.startKafka(Object.fromEntries(['fleet', ...logins].map((name) => [name, password])));
  tls = { KAFKA_TLS: 'true', KAFKA_CA_FILE: servers.authority.file };
  admin = new kafkajs.Kafka({ brokers: [kafka.plain], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
}, 120_000);
afterAll(async () => {
  await Promise.all(open.map((each) => each.close()));
  await admin?.disconnect();
  await servers.end();
}, 120_000);

/** What `tradecore acls` says. */
async function listed(
  namespace: string,
): Promise<Record<'principal' | 'resource' | 'name' | 'pattern' | 'operations', string>[]> {
  const said: string[] = [];
  expect(await program(['acls', '--json', '--namespace', namespace], { say: (text) => said.push(text) })).toBe(0);
  return JSON.parse(said.join(''));
}

/** A client as every process of the fleet makes it. */
function clientWith(env: Readonly<Record<string, string>>): KafkaClient {
  const config = readConfig({ uses: ['kafka'], http: false }, { KAFKA_BROKERS: kafka.login, NAMESPACE: 'fleet', ...env });
  const client = createKafkaClient({ ...kafkaSettings('test', config), declarations: [lamps] });
  open.push(client);
  return client;
}

/** May do everything with what bears the namespace. */
async function admit(principal: string): Promise<void> {
  const { AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = kafkajs;
  const kinds = [AclResourceTypes.TOPIC, AclResourceTypes.GROUP, AclResourceTypes.TRANSACTIONAL_ID];
  await admin.createAcls({
    acl: kinds.map((resourceType) => ({
      resourceType,
      resourceName: 'fleet.',
      resourcePatternType: ResourcePatternTypes.PREFIXED,
      principal,
      host: '*',
      operation: AclOperationTypes.ALL,
      permissionType: AclPermissionTypes.ALLOW,
    })),
  });
}

/** Writes a record by itself and one in a transaction; a group receives both. */
async function roundTrip(client: KafkaClient, group: string): Promise<string[]> {
  await client.ensureTopics({ replication: 1 });
  await client.verifyTransactions(); // the first one waits until a new broker is ready for them
  const seen: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await client.eventBus().publish('lamps', { key: 'a', value: `${group} alone` });
  const producer = await client.openTransactional({ transactionalId: group });
  const batches = [{ topic: 'lamps', messages: [{ key: 'a', value: `${group} in a transaction` }] }];
  await producer.send({ batches, group: `${group}-position`, positionTopic: 'lamps', partition: 0, offset: 1n });
  await producer.discard();
  const take = async ({ value }: { value: Buffer | null }): Promise<void> => {
    if (String(value).startsWith(group)) seen.push(String(value));
    if (seen.length === 2) resolve();
  };
  const subscription = await client.eventBus().subscribe('lamps', take, { group });
  await promise;
  await subscription.stop();
  return seen;
}

const refusal = (env: Readonly<Record<string, string>>): Promise<string> =>
  clientWith(env)
    .clusterId()
    .then(() => 'none', String);

describe('a Kafka with certificates and logins', () => {
  beforeAll(() => admit('User:fleet'));

  it.each(['PLAIN', 'SCRAM-SHA-512'])('serves who logs in by %s', async (mechanism) => {
    const client = clientWith({ ...tls, ...login, KAFKA_SASL_MECHANISM: mechanism });
    expect(await roundTrip(client, mechanism)).toEqual([`${mechanism} alone`, `${mechanism} in a transaction`]);
  });

  it('serves who shows a certificate', async () => {
    await admit('User:CN=reader');
    const { cert, key } = servers.authority.sign('reader');
    const client = clientWith({ ...tls, KAFKA_BROKERS: kafka.certified, KAFKA_CERT_FILE: cert, KAFKA_KEY_FILE: key });
    expect(await roundTrip(client, 'certified')).toHaveLength(2);
  });

  // The client tries again for 7 s: all at once, while the other tests run.
  let refused: readonly (readonly [string, Promise<string>, RegExp])[];
  beforeAll(() => {
    const { file: KAFKA_CA_FILE } = new Authority(servers.place, 'other');
    const otherName = kafka.login.replace('localhost', '127.0.0.1');
    refused = [
      ['a wrong password', refusal({ ...tls, ...login, KAFKA_SASL_PASSWORD: 'hunter2' }), /authentication failed/i],
      ['no certificate', refusal({ ...tls, KAFKA_BROKERS: kafka.certified }), /can't reach localhost/],
      ['a broker of another authority', refusal({ ...tls, ...login, KAFKA_CA_FILE }), /certificate/],
      ['a broker of no public authority', refusal({ ...login, KAFKA_TLS: 'true' }), /certificate/],
      ['a broker of another name', refusal({ ...tls, ...login, KAFKA_BROKERS: otherName }), /does not match certificate/],
    ];
  });

  it('is not reached with a wrong password or without a certificate, nor one that is not who it should be', async () => {
    for (const [what, why, said] of refused) expect([what, await why]).toEqual([what, expect.stringMatching(said)]);
    expect(await Promise.all(refused.map(([, why]) => why))).not.toContainEqual(expect.stringContaining('hunter2'));
  });
});

describe('the access that `tradecore acls` lists', () => {
  const fleet = new FleetOfLogins(`acls_${randomBytes(4).toString('hex')}`, (service) => ({
    ...tls,
    KAFKA_BROKERS: kafka.login,
    KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256',
    KAFKA_SASL_USERNAME: service,
    KAFKA_SASL_PASSWORD: password,
  }));
  afterAll(() => fleet.end());

  /** As an operator does: the lines become rules of the broker. */
  async function allow(): Promise<void> {
    const { AclResourceTypes, AclOperationTypes, AclPermissionTypes, ResourcePatternTypes } = kafkajs;
    const shout = (text: string): string =>
      text
        .replaceAll(/\B[A-Z]/g, '_$&')
        .replaceAll('-', '_')
        .toUpperCase();
    const acl = (await listed(fleet.namespace)).flatMap(({ principal, resource, name, pattern, operations }) =>
      operations.split(',').map((operation) => ({
        principal,
        resourceType: AclResourceTypes[shout(resource) as 'TOPIC'],
        resourceName: name,
        resourcePatternType: ResourcePatternTypes[shout(pattern) as 'LITERAL'],
        host: '*',
        operation: AclOperationTypes[shout(operation) as 'READ'],
        permissionType: AclPermissionTypes.ALLOW,
      })),
    );
    await admin.createAcls({ acl });
  }

  /** What the broker refused whom, in its words. */
  const denied = () => [...new Set(readFileSync(kafka.log, 'utf8').match(/Principal = User:[a-z-]+ is Denied.*? based on/gi))];

  const envOf = (service: string) => ({ ...fleet.envOf(service), LOG_LEVEL: 'fatal' });
  async function operate(line: string): Promise<string> {
    const said: string[] = [];
    const around = { say: (text: string) => said.push(text), open: () => openFleet(envOf('operate')) };
    const code = await program(line.split(' '), around);
    return `${line}: ${code}${code === 0 ? '' : ` ${said.join()}`}`;
  }

  it('is enough for every service and the migrator, while all goes well', async () => {
    await allow();
    await fleet.start();
    await until('all to be ready', async () => (await fleet.notReady()).length === 0);
    expect(await fleet.trade()).toBe('filled');
    for (const line of ['consumers list', 'notices positions', 'verify --patience 10'])
      expect(await operate(line)).toBe(`${line}: 0`);
    expect(denied()).toEqual([]);
  });

  it('is enough for what no consumer can read, and for operators who deal with it', async () => {
    const { orderEvents, accountEvents, brokerEvents, orderPlacement, deadLetters } = topics;
    const anybody = createKafkaClient({ brokers: [kafka.plain], clientId: 'anybody', namespace: fleet.namespace });
    open.push(anybody);
    const producer = new kafkajs.Kafka({ brokers: [kafka.plain], logLevel: kafkajs.logLevel.NOTHING }).producer();
    await producer.connect();
    for (const { name } of [orderEvents, accountEvents, brokerEvents, orderPlacement])
      await producer.send({ topic: `${fleet.namespace}.${name}`, messages: [{ key: 'a', value: 'no event' }] });
    await producer.disconnect();
    const letters = async () => {
      const groups = new Set<string>();
      await anybody.readTopic(deadLetters.name, (some) => some.forEach(({ key }) => groups.add(String(key).split('/')[0] ?? '')));
      return groups.size;
    };
    // Four projectors, the saga, the gateway and the notifier.
    await until('each group to have written its letter', async () => (await letters()) === 7);
    const reported = async () =>
      [...(await anybody.endOffsets(topics.reconciliationReports.name)).values()].some((end) => end > 0n);
    await until('the reconciler to have reported', reported);
    expect(await operate('dead-letters list')).toMatch(/^dead-letters list: 1/);
    await operate('doctor');
    // What `relay resume` and `notices begin-again` do at the broker.
    const operator = createKafkaClient(kafkaSettings('operate', readConfig({ uses: ['kafka'], http: false }, envOf('operate'))));
    open.push(operator);
    await operator.committedOffsets('outbox-relay.any', topics.relayPosition.name);
    for (const transactionalId of ['outbox-relay.any', 'notifier.operate'])
      await (await operator.openTransactional({ transactionalId })).discard();
    await operator.eventBus().publish(deadLetters.name, { key: 'none', value: null });
    expect(denied()).toEqual([]);
  });

  it('is needed: the broker refuses a login without it, and says so', async () => {
    const client = clientWith({ ...tls, ...login, NAMESPACE: fleet.namespace });
    await expect(client.endOffsets('lamps')).rejects.toThrow();
    expect(denied()).not.toEqual([]);
  });
});
