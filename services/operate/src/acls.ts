import { noticesGroup, topics } from '@tradecore/events';
import { environment } from '@tradecore/service/config';
import { printed, type Row } from './output.ts';
import { WrongUsage, type Shell, type Typed } from './shell.ts';

/** What a service does with something that belongs to the broker. Names have no namespace. */
export interface Access {
  readonly resource: 'topic' | 'group' | 'transactional-id' | 'cluster';
  readonly name: string;
  /** Everything whose name begins so. */
  readonly isPrefix: boolean;
  /** As Kafka names them. `Read` and `Write` include `Describe`. */
  readonly operations: readonly string[];
}

const on =
  (resource: Access['resource'], ...operations: readonly string[]) =>
  (name: string, isPrefix = false): Access => ({ resource, name, isPrefix, operations });
const readTopic = on('topic', 'Read');
const lookAtTopic = on('topic', 'Describe');
const writeTopic = on('topic', 'Write');
const join = on('group', 'Read');
const look = on('group', 'Describe');
const transact = on('transactional-id', 'Write');
const read = (...declared: readonly { readonly name: string }[]): Access[] => declared.map(({ name }) => readTopic(name));
/** Every producer of ours is idempotent. */
const write = (...declared: readonly { readonly name: string }[]): Access[] => [
  ...declared.map(({ name }) => writeTopic(name)),
  on('cluster', 'IdempotentWrite')('kafka-cluster'),
];

/** A consumer that keeps its offsets in PostgreSQL: it joins the group of its name. */
const consumer = (group: string, ...declared: readonly { readonly name: string }[]): Access[] => [
  ...read(...declared),
  join(group),
  ...write(topics.deadLetters),
];
/** Each process reads the whole market, in a group of its own. */
const market = [...read(topics.marketData), join('market-data-', true)];

const all = Object.values(topics);
const stored = all.filter(({ writer }) => writer === 'relay');
const { orderEvents, accountEvents, brokerEvents, orderPlacement, corrections } = topics;

/** What each service needs at the broker: a test runs them all with exactly this. */
const accessOf: Readonly<Record<string, readonly Access[]>> = {
  'command-api': market,
  'query-api': market,
  'order-saga': consumer('order-saga', orderEvents, brokerEvents, corrections),
  'broker-gateway': [...consumer('broker-gateway', orderPlacement, corrections), ...write(topics.marketData)],
  'outbox-relay': [
    ...write(...stored),
    ...read(topics.relayPosition),
    join('outbox-relay.', true),
    transact('outbox-relay.', true),
  ],
  'order-projector': consumer('order-projector', orderEvents),
  'account-projector': consumer('account-projector', accountEvents),
  'position-projector': consumer('position-projector', accountEvents),
  'feed-projector': consumer('feed-projector', orderEvents, accountEvents, brokerEvents),
  notifier: [
    ...noticesGroup.topics.map((name) => readTopic(name)),
    join(noticesGroup.name),
    transact(`${noticesGroup.name}.`, true),
    ...write(topics.userNotifications, topics.deadLetters),
  ],
  reconciler: [...read(...stored, topics.deadLetters), look(noticesGroup.name), ...write(topics.reconciliationReports)],
  operate: [
    ...read(...stored, topics.marketData, topics.userNotifications, topics.deadLetters),
    lookAtTopic(topics.relayPosition.name),
    ...write(topics.deadLetters),
    ...[join(noticesGroup.name), look('outbox-relay.', true)],
    ...[transact(`${noticesGroup.name}.`, true), transact('outbox-relay.', true)],
  ],
  migrator: [
    ...all.map(({ name }) => on('topic', 'Create', 'Describe', 'DescribeConfigs')(name)),
    ...read(orderEvents), // on the first topic it proves that offsets go into transactions
    ...write(),
    join('verify-transactions'),
    transact('verify-transactions'),
  ],
};

/** `acls` */
export function aclsCommands(shell: Shell): void {
  const options = {
    '--namespace <name>': 'that of the fleet; NAMESPACE when absent',
    '--principal <text>': 'who a service is for the broker: User:{service} when absent; without {service} one login for all',
    '--rpk': 'lines for rpk instead of kafka-acls',
    '--json': 'for scripts',
  };
  const usage = {
    usage: 'acls',
    description: 'what each service must be allowed at the broker, as commands; asks nobody',
    options,
  };
  shell.command(shell.root, usage, async (typed) => {
    const rows = rowsFor(typed);
    if (typed.options['json'] === true) shell.say(printed({ rows, nothing: '' }, true));
    else for (const line of new Set(rows.map(typed.options['rpk'] === true ? rpkLine : kafkaLine))) shell.say(line);
    return 0;
  });
}

function rowsFor({ options }: Typed): Row[] {
  const namespace = String(options['namespace'] ?? environment()['NAMESPACE'] ?? '');
  const principal = String(options['principal'] ?? 'User:{service}');
  if (!/^([a-z][a-z0-9_-]{0,39})?$/.test(namespace))
    throw new WrongUsage(`--namespace ${namespace}: a-z, 0-9, _ and -, a letter first`);
  if (!/^\w+:[^\s'"]+$/.test(principal)) throw new WrongUsage(`--principal ${principal}: a kind and a name, as User:{service}`);
  const prefix = namespace === '' ? '' : `${namespace}.`;
  return Object.entries(accessOf).flatMap(([service, accesses]) =>
    accesses.map(({ resource, name, isPrefix, operations }) => ({
      principal: principal.replaceAll('{service}', service),
      resource,
      name: resource === 'cluster' ? name : prefix + name,
      pattern: isPrefix ? 'prefixed' : 'literal',
      operations: operations.join(','),
    })),
  );
}

const kafkaLine = (row: Row): string => {
  const operations = String(row['operations'])
    .split(',')
    .map((each) => `--operation ${each}`);
  return `kafka-acls --bootstrap-server "$BROKERS" --command-config "$CONFIG" --add --allow-principal '${row['principal']}' ${operations.join(' ')} ${resourceOf(row)}`;
};

const rpkLine = (row: Row): string =>
  `rpk security acl create --allow-principal '${row['principal']}' --operation ${String(row['operations'])
    .replaceAll(/\B[A-Z]/g, '_$&')
    .toLowerCase()} ${resourceOf(row)}`;

const resourceOf = ({ resource, name, pattern }: Row): string =>
  resource === 'cluster'
    ? '--cluster'
    : `--${resource} '${name}'${pattern === 'prefixed' ? ' --resource-pattern-type prefixed' : ''}`;
