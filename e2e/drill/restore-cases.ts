import { setTimeout as pause } from 'node:timers/promises';
import type { Ground } from './ground.ts';
import { otherOnTopics } from './same-data.ts';
import { codeOf, missingOf, type Acknowledged } from './writers.ts';

/** What a case of the drill came to. */
export interface Outcome {
  /** Bytes of the restored folder. */
  readonly bytes: number;
  /** Writes that clients were told of, and those of them that are lost. */
  readonly acknowledged: number;
  readonly lost: number;
  /** From the first lost write to the disaster, in ms. */
  readonly lostMs: number;
  /** From the disaster to the next acknowledged write, in ms. */
  readonly outageMs: number;
  /** Events that the topics gave back. */
  readonly takenBack: number;
  /** What the relay found: halted and why, or nothing. */
  readonly relay: string;
  /** What must not be: told one by one. */
  readonly findings: readonly string[];
}

/** How long people write before and after each step, in ms. */
export interface Pace {
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** Writes of each kind that are repeated under their old keys. */
const repeats = 10;

/** The folder is destroyed under load and restored to the latest moment that was received, or to one before the last writes. */
export async function restoreCase(ground: Ground, { beforeMs, afterMs }: Pace, isEarlier: boolean): Promise<Outcome> {
  const { postgres, writers, world } = ground;
  await ground.follow();
  await pause(beforeMs);
  const moment = new Date().toISOString();
  if (isEarlier) {
    await pause(afterMs);
    await relayedOnce(ground);
  }
  await postgres.destroy();
  const destroyed = Date.now();
  const told = [...writers.acknowledged];
  const findings: string[] = [];
  const { code, said } = await ground.restore('--json', ...(isEarlier ? ['--to', moment] : []));
  if (code !== 0) throw new Error(`restore ended with ${code}: ${said}`);
  const [restored] = JSON.parse(said) as [{ bytes: number }];
  const reborn = Date.now();
  await postgres.startAgain();
  await world.until('doors that say why', () => (writers.refused.get('store-restored') ?? 0) > 0, 180_000);
  findings.push(...(await repeatedWhileClosed(ground, told)));
  if (isEarlier) await ground.holds('the relay to halt', 'select from outbox_relay where halted_at is not null');
  const relay = (await ground.tradecore('relay', 'status')).said;
  const opening = Date.now();
  // A minute earlier: what was relayed and not received is older than the moment of the destruction.
  const takenBack = await ground.resume(new Date(Date.parse(moment) - 60_000).toISOString());
  await world.until('an acknowledged write', () => writers.acknowledgedSince(opening) !== undefined, 180_000);
  const resumed = writers.acknowledgedSince(opening) ?? opening;
  const gone = await missingOf(world, told);
  findings.push(...(await repeatedAfter(ground, told)));
  await pause(afterMs);
  return {
    bytes: restored.bytes,
    outageMs: resumed - destroyed,
    relay,
    takenBack,
    ...(await judged(ground, { told, destroyed, reborn, gone, findings })),
  };
}

/** Two batches from now: the topics hold something that was stored after this call. */
async function relayedOnce({ world }: Ground): Promise<void> {
  const batch = async (): Promise<number> => {
    const { rows } = await world.database.query<{ batch: number }>(
      'select coalesce(max(batch), 0)::int as batch from outbox_batch',
    );
    return rows[0]?.batch ?? 0;
  };
  const before = await batch();
  await world.until('the relay to publish', async () => (await batch()) > before + 2, 60_000);
}

interface Judging {
  readonly told: readonly Acknowledged[];
  readonly destroyed: number;
  /** From this moment on the other database may have answered; an answer of the destroyed one was still under way until then. */
  readonly reborn: number;
  /** What was lost, and perhaps done again since. */
  readonly gone?: readonly Acknowledged[];
  readonly findings: readonly string[];
}

/** The client's history against the store, the topics against the store, and everything against everything. */
export async function judged(
  ground: Ground,
  { told, destroyed, reborn, gone = [], findings }: Judging,
): Promise<Pick<Outcome, 'acknowledged' | 'lost' | 'lostMs' | 'findings'>> {
  const { writers, world } = ground;
  await writers.stop();
  const { code, said } = await ground.tradecore('verify', '--tamper', '--patience', '60');
  const lost = await missingOf(world, writers.acknowledged);
  return {
    acknowledged: writers.acknowledged.length,
    lost: lost.length,
    lostMs: lost[0] ? Math.max(0, destroyed - lost[0].at) : 0,
    findings: [
      ...findings,
      ...lost.filter(({ at }) => at > reborn).map(({ kind, key }) => `acknowledged after the restore and lost: ${kind} ${key}`),
      ...(code === 0 ? [] : [`verify ended with ${code}:\n${said}`]),
      ...(await otherOnTopics(world)).map((which) => `on a topic, and not so in the store: ${which}`),
      ...writers.surprises.filter((surprise) => !isOfLost(surprise, [...gone, ...lost])),
      ...(told.length === 0 ? ['nobody had written anything'] : []),
    ],
  };
}

/** An order that is lost can't be cancelled: its cancel is answered 404. */
const isOfLost = (surprise: string, lost: readonly Acknowledged[]): boolean =>
  lost.some(({ kind, key }) => kind === 'order' && surprise.startsWith(`cancel ${key.replace('drill', 'cancel')}: 404 `));

const lastOfEach = (told: readonly Acknowledged[]): Acknowledged[] =>
  (['order', 'deposit', 'cancel'] as const).flatMap((kind) => told.filter((each) => each.kind === kind).slice(-repeats));

/** Nothing is decided on a store that does not know what it has said. */
async function repeatedWhileClosed({ writers }: Ground, told: readonly Acknowledged[]): Promise<string[]> {
  const answers = await Promise.all(lastOfEach(told).map(async (write) => ({ write, answer: await writers.repeat(write) })));
  return answers
    .filter(({ answer }) => answer?.status !== 503 || codeOf(answer) !== 'store-restored')
    .map(
      ({ write, answer }) =>
        `${write.kind} ${write.key} repeated while the store was closed: ${answer?.status} ${codeOf(answer)}`,
    );
}

/** What came back is answered as a repeat: no second event. What was lost is done anew. */
async function repeatedAfter({ writers, world }: Ground, told: readonly Acknowledged[]): Promise<string[]> {
  const writes = lastOfEach(told);
  const lost = new Set(await missingOf(world, writes));
  const findings: string[] = [];
  for (const write of writes) {
    const answer = await writers.repeat(write);
    const isWell = answer !== undefined && answer.status < 300;
    if (!isWell && !lost.has(write)) findings.push(`${write.kind} ${write.key} repeated: ${answer?.status} ${codeOf(answer)}`);
  }
  const { rows } = await world.database.query<{ what: string }>(
    `select 'paid in twice: ' || (event_data->>'amount') as what from event_store where event_type = 'FundsDeposited'
      group by aggregate_id, event_data->>'amount' having count(*) > 1
     union all select 'two cancels of ' || aggregate_id from event_store where event_type = 'OrderCancelRequested'
      group by aggregate_id having count(*) > 1`,
  );
  return [...findings, ...rows.map(({ what }) => what)];
}
