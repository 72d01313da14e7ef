import { setTimeout as delay } from 'node:timers/promises';
import { topics as fleet, type TopicDeclaration } from '@tradecore/events';
import kafkajs, { type Admin, type ConfigEntries, type ITopicMetadata } from 'kafkajs';
import { MessagingError } from './errors.ts';
import { isType } from './wire/kafka-errors.ts';
import type { Names } from './names.ts';

/** The layout of topics in this installation. */
export interface TopicLayout {
  /** Overrides the declared number. */
  readonly partitions?: number;
  /** Copies of each partition; 1 locally, 3 in a cluster. Writes wait for all but one of them. */
  readonly replication: number;
}

/** A dead letter holds a whole record and two sets of headers, so its topic's limit is twice that of others (1 MiB). */
const deadLetterBytes = 2 * 1024 * 1024;

/** Copies that must have a record before it counts: all but one. */
const minInsync = 'min.insync.replicas';

/** What is set on the topic itself; everything else is the broker's default. */
function configOf(declaration: TopicDeclaration): Record<string, string> {
  const { name, compacted, retentionMs } = declaration;
  return {
    'cleanup.policy': compacted ? 'compact' : 'delete',
    'compression.type': 'producer', // otherwise the broker recompresses every batch with its own codec
    ...(retentionMs !== undefined && { 'retention.ms': String(retentionMs) }),
    ...(name === fleet.deadLetters.name && { 'max.message.bytes': String(deadLetterBytes) }),
  };
}

const partitionsOf = (declaration: TopicDeclaration, layout: TopicLayout): number => layout.partitions ?? declaration.partitions;

/**
 * Creates missing topics and compares the others with their declaration. More partitions than declared are fine (counts
 * grow, never shrink); fewer are a fault, because adding them moves keys: that is an operator's decision. Throws
 * `MessagingError` `topics`, which names every difference.
 */
export async function ensureTopics(
  admin: Admin,
  names: Names,
  layout: TopicLayout,
  declarations: readonly TopicDeclaration[] = names.declarations,
): Promise<{ created: string[]; verified: string[] }> {
  const present = new Set(await admin.listTopics());
  const missing = declarations.filter(({ name }) => !present.has(names.onBroker(name)));
  if (missing.length > 0) {
    await create(admin, names, layout, missing);
    await untilReady(
      admin,
      missing.map(({ name }) => names.onBroker(name)),
    );
  }
  const created = new Set(missing.map(({ name }) => name));
  const older = declarations.filter(({ name }) => !created.has(name));
  const faults = older.length > 0 ? await differences(admin, names, layout, older) : [];
  if (faults.length > 0) throw new MessagingError('topics', `topics differ from their declaration:\n- ${faults.join('\n- ')}`);
  return { created: [...created], verified: older.map(({ name }) => name) };
}

async function create(admin: Admin, names: Names, layout: TopicLayout, missing: readonly TopicDeclaration[]): Promise<void> {
  const { replication } = layout;
  const durability = replication > 1 ? { [minInsync]: String(replication - 1) } : {};
  await admin.createTopics({
    waitForLeaders: false,
    topics: missing.map((declaration) => ({
      topic: names.onBroker(declaration.name),
      numPartitions: partitionsOf(declaration, layout),
      replicationFactor: replication,
      configEntries: Object.entries({ ...configOf(declaration), ...durability }).map(([name, value]) => ({ name, value })),
    })),
  });
}

/**
 * A broker answers before it knows the topics that its controller created: for milliseconds, or seconds on a busy
 * machine.
 */
const unknownYet = { everyMs: 50, deadlineMs: 30_000 };

/**
 * Waits until every partition of these topics (names on the broker) has a leader. kafkajs's own wait fails while a
 * topic is unknown.
 */
export async function untilReady(admin: Admin, topics: string[]): Promise<void> {
  const ready = async (): Promise<boolean> => {
    try {
      const found = await admin.fetchTopicMetadata({ topics });
      return found.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
    } catch (error) {
      if (isType(error, 'UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE')) return false;
      throw error;
    }
  };
  for (const deadline = Date.now() + unknownYet.deadlineMs; !(await ready()); await delay(unknownYet.everyMs)) {
    if (Date.now() > deadline) throw new MessagingError('topics', `partitions without a leader after 30 s: ${topics.join(', ')}`);
  }
}

async function differences(
  admin: Admin,
  names: Names,
  layout: TopicLayout,
  declarations: readonly TopicDeclaration[],
): Promise<string[]> {
  const onBroker = declarations.map(({ name }) => names.onBroker(name));
  const { topics } = await admin.fetchTopicMetadata({ topics: onBroker });
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: onBroker.map((name) => ({ type, name })),
  });
  const entriesOf = (name: string) => resources.find((each) => each.resourceName === name)?.configEntries ?? [];
  return declarations.flatMap((declaration) => {
    const name = names.onBroker(declaration.name);
    return [
      ...layoutFaults(
        declaration,
        layout,
        topics.find((each) => each.name === name),
      ),
      ...insyncFaults(layout, entriesOf(name)),
      ...configFaults(declaration, entriesOf(name)),
    ].map((fault) => `${name}: ${fault}`);
  });
}

function layoutFaults(declaration: TopicDeclaration, layout: TopicLayout, found: ITopicMetadata | undefined): string[] {
  const partitions = found?.partitions ?? [];
  const wanted = partitionsOf(declaration, layout);
  const copies = Math.min(...partitions.map(({ replicas }) => replicas.length));
  return [
    ...(partitions.length < wanted ? [`has ${partitions.length} partitions; declared: ${wanted}`] : []),
    ...(copies < layout.replication ? [`has replication factor ${copies}; required: ${layout.replication}`] : []),
  ];
}

/** Redpanda has no such setting: there a record counts when most copies have it. */
function insyncFaults({ replication }: TopicLayout, found: readonly ConfigEntries[]): string[] {
  const value = found.find(({ configName }) => configName === minInsync)?.configValue;
  if (value === undefined || replication === 1 || Number(value) >= replication - 1) return [];
  return [`has ${minInsync} = ${value}; required: ${replication - 1}`];
}

function configFaults(declaration: TopicDeclaration, found: readonly ConfigEntries[]): string[] {
  return Object.entries(configOf(declaration)).flatMap(([name, wanted]) => {
    const value = found.find(({ configName }) => configName === name)?.configValue;
    return value === wanted ? [] : [`has ${name} = ${value ?? '(not reported)'}; declared: ${wanted}`];
  });
}
