import {
  agrees,
  compareUntilAgreed,
  exportedViews,
  logBegan,
  isSettled,
  printed,
  readStore,
  type Line,
  type TopicRecord,
  type TopicSeen,
  type Witnesses,
} from '@tradecore/checks';
import { verifyChains, type ChainFault } from '@tradecore/event-sourcing';
import type { KafkaClient } from '@tradecore/messaging';
import { InvalidArgumentError } from 'commander';
import type { Fleet } from './fleet.ts';
import type { Say } from './output.ts';
import { parkedCount, parkedPlaces, type Parked } from './readers/parked.ts';
import type { Shell } from './shell.ts';

/** `verify` */
export function verifyCommands(shell: Shell): void {
  const usage = {
    usage: 'verify',
    description: 'holds store, topics and read models against each other; exit code 0 agree, 1 findings, 2 could not judge',
    options: { '--tamper': 'the hash chains of the whole store as well', '--json': 'for scripts' },
  };
  shell
    .command(shell.root, usage, ({ options }) =>
      shell.withFleet((fleet) => verify(fleet, shell.say, options as unknown as VerifyOptions)),
    )
    .option('--patience <seconds>', 'how long read models may lag behind before they are judged', secondsOf, 60);
}

/** What `verify` is asked to do. */
export interface VerifyOptions {
  /** The hash chains of the whole store as well. */
  readonly tamper?: boolean;
  readonly json?: boolean;
  /** Seconds that read models may lag behind before they are judged. */
  readonly patience: number;
}

/**
 * Holds store, topics and read models against each other, and says what differs, by id. Exit codes: 0 all agree; 1 findings; 2 could not judge,
 * because something is parked, or the store is closed.
 */
async function verify(fleet: Fleet, say: Say, options: VerifyOptions): Promise<number> {
  if (!(await isSettled(fleet.database))) {
    say(
      'The store was restored, and what the topics hold beyond it is not decided: nothing can be judged before tradecore relay resume.',
    );
    return 2;
  }
  const chains = options.tamper ? await brokenChains(fleet) : [];
  const found = await compareUntilAgreed(witnessesOf(fleet), options.patience * 1000);
  const parked = await parkedPlaces(fleet);
  const findings = found.filter((line) => !agrees(line));
  const outcome = { found, findings, chains, parked };
  say(
    options.json
      ? JSON.stringify({ findings, chains, parked: parked.flatMap(({ rows }) => rows) }, null, 2)
      : inWords(outcome, options),
  );
  return codeOf(outcome);
}

interface Outcome {
  readonly found: readonly Line[];
  readonly findings: readonly Line[];
  readonly chains: readonly ChainFault[];
  readonly parked: readonly Parked[];
}

/** What is parked explains what differs: then nothing is proved. */
function codeOf({ findings, chains, parked }: Outcome): number {
  if (chains.length > 0) return 1;
  if (parked.length > 0) return 2;
  return findings.length > 0 ? 1 : 0;
}

function inWords({ found, chains, parked }: Outcome, { tamper }: VerifyOptions): string {
  const broken = chains.map(({ aggregateId, version, fault }) => `chain of ${aggregateId}: ${fault} at version ${version}`);
  return [
    printed(found),
    ...broken,
    ...(tamper && chains.length === 0 ? ['Every hash chain holds.'] : []),
    ...(parked.length > 0 ? [`${parkedCount(parked)} parked: what they concern can't be judged; see tradecore parked list`] : []),
  ].join('\n');
}

async function brokenChains({ dataSource }: Fleet): Promise<ChainFault[]> {
  return dataSource.transaction('REPEATABLE READ', async (tx) => {
    const faults: ChainFault[] = [];
    for await (const page of verifyChains(tx)) faults.push(...page.faults);
    return faults;
  });
}

const witnessesOf = ({ dataSource, database, kafka }: Fleet): Witnesses => ({
  stored: () => readStore(dataSource),
  database,
  readModels: exportedViews(database),
  topic: async (name) => {
    const { records, since } = await readWhole(kafka, name);
    const latest = [since, await logBegan(database)]
      .filter((each) => each !== undefined)
      .toSorted()
      .at(-1);
    return { records, ...(latest !== undefined && { since: latest }) };
  },
});

/** A topic to its end, and since when it holds everything: of a partition that has let records go, that is the time of its first. */
async function readWhole(kafka: KafkaClient, name: string): Promise<TopicSeen> {
  const starts = await kafka.startOffsets(name);
  const records: TopicRecord[] = [];
  const firsts = new Map<number, string>();
  await kafka.readTopic(name, (some) => {
    for (const { topic, partition, offset, key, headers } of some) {
      records.push({ topic, partition, offset, key: String(key), id: String(headers['ce_id']) });
      if (starts.get(partition) !== 0n && !firsts.has(partition)) firsts.set(partition, String(headers['ce_time']));
    }
  });
  const since = [...firsts.values()].toSorted().at(-1);
  return { records, ...(since !== undefined && { since }) };
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= 3600)) throw new InvalidArgumentError('it is a number of seconds, at most 3600');
  return seconds;
}
