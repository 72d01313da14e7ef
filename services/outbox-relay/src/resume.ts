import { parseArgs } from 'node:util';
import { HaltedOutbox, type Resumed } from '@tradecore/event-sourcing';
import { catalogue, topics, type Catalogue } from '@tradecore/events';
import { createKafkaClient, decode, Undecodable, type IncomingMessage, type KafkaClient } from '@tradecore/messaging';
import { runProgram } from '@tradecore/service';
import { relayNames } from './relay.ts';

/** What the operator says. */
export interface ResumeOptions {
  readonly url: string;
  readonly kafka: KafkaClient;
  /** RFC 3339, from before the store and the broker parted: from then on each stored event is made to be on its topic once. */
  readonly since: string;
  readonly dryRun?: boolean;
  readonly catalogue?: Catalogue;
}

/** What came of it. */
export interface Resumption extends Resumed {
  readonly position: bigint | undefined;
  readonly read: number;
}

/**
 * The operator's word after a halt. Fences whatever relay may still be in the middle of something, reads every topic of stored events to its
 * present end, and makes the outbox hold exactly the stored events that are not there. Then the broker's position is the store's.
 * Throws `NotHalted`.
 */
export async function resume({
  url,
  kafka,
  since,
  dryRun = false,
  catalogue: types = catalogue,
}: ResumeOptions): Promise<Resumption> {
  const outbox = await HaltedOutbox.open(url);
  try {
    const { group, transactionalId } = relayNames(outbox.storeId);
    await (await kafka.openTransactional({ transactionalId, writer: 'relay' })).discard();
    const position = (await kafka.committedOffsets(group, topics.relayPosition.name)).get(0);
    const waiting = await outbox.waiting();
    const from = new Date(since).toISOString();
    const names = [...new Set(Object.values(types).map(({ topic }) => topic))];
    const { ids, read } = await publishedIds(kafka, names, ({ id, time }) => waiting.has(id) || time >= from);
    return { ...(await outbox.decide({ published: ids, since: from, position, catalogue: types, dryRun })), position, read };
  } finally {
    await outbox.close();
  }
}

/** The ids of wanted events on these topics up to their present end, as a `read_committed` reader sees them. */
async function publishedIds(
  kafka: KafkaClient,
  names: readonly string[],
  wanted: (event: { id: string; time: string }) => boolean,
): Promise<{ ids: string[]; read: number }> {
  const ids: string[] = [];
  let read = 0;
  const take = (records: readonly IncomingMessage[]): void => {
    read += records.length;
    for (const event of records.map(decode)) if (!(event instanceof Undecodable) && wanted(event)) ids.push(event.id);
  };
  for (const name of names) await kafka.readTopic(name, take);
  return { ids, read };
}

const usage = `usage: resume --since <time> [--dry-run]
  --since    RFC 3339, from before the store and the broker parted, for example the time of the backup that was restored
  --dry-run  shows what would be done`;

/** The report for the operator. */
function describe(
  { position, read, alreadyPublished, missing, outOfOrder, foreign, foreignIds }: Resumption,
  dryRun: boolean,
): string {
  return [
    `read ${read} records; the broker's position is ${position ?? 'none'}`,
    `${alreadyPublished} waiting events were on their topics already${dryRun ? '' : ': taken out of the outbox'}`,
    `${missing} stored events were on no topic and not waiting${dryRun ? '' : ': put into the outbox'}` +
      (outOfOrder > 0 ? `; ${outOfOrder} of them have a later version of their aggregate on a topic` : ''),
    `${foreign} events on the topics are not in this store${foreign > 0 ? `: rebuild what was projected from them (${foreignIds.join(', ')} ...)` : ''}`,
    dryRun ? 'nothing was changed' : 'the relay goes on',
  ].join('\n');
}

/** What the command was given; nothing when it is not complete. */
export function readArguments(args: readonly string[]): { since: string; dryRun: boolean } | undefined {
  try {
    const { values } = parseArgs({ args: [...args], options: { since: { type: 'string' }, 'dry-run': { type: 'boolean' } } });
    const { since, 'dry-run': dryRun = false } = values;
    return since === undefined || Number.isNaN(Date.parse(since)) ? undefined : { since, dryRun };
  } catch {
    return undefined;
  }
}

/** `node dist/main.js resume ...`: exit 0 when the relay goes on, 1 when it does not, 64 for wrong arguments, 78 for wrong settings. */
export async function runResume(args: readonly string[]): Promise<void> {
  const given = readArguments(args);
  if (!given) {
    process.stderr.write(`${usage}\n`);
    process.exitCode = 64;
    return;
  }
  await runProgram({ name: 'outbox-relay', uses: ['postgres', 'kafka'] }, async (config) => {
    const kafka = createKafkaClient({
      brokers: config.KAFKA_BROKERS,
      clientId: 'outbox-relay resume',
      namespace: config.NAMESPACE,
    });
    const resumption = await resume({ url: config.DATABASE_URL, kafka, ...given });
    process.stdout.write(`${describe(resumption, given.dryRun)}\n`);
    await kafka.close();
  });
}
