import { jest } from '@jest/globals';
import kafkajs, { type Admin } from 'kafkajs';
import { createKafkaClient, type KafkaClient } from '@tradecore/messaging';
import { setLogLevel } from '@tradecore/telemetry';
import { kafkaSettings, readConfig } from '@tradecore/service/config';
import { Authority } from './authority.ts';
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
  kafka = await servers.startKafka({ fleet: password });
  tls = { KAFKA_TLS: 'true', KAFKA_CA_FILE: servers.authority.file };
  admin = new kafkajs.Kafka({ brokers: [kafka.plain], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
}, 120_000);
afterAll(async () => {
  await Promise.all(open.map((each) => each.close()));
  await admin?.disconnect();
  await servers.end();
}, 120_000);

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

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('serves who logs in by %s', async (mechanism) => {
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
