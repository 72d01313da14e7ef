import { Inject, Injectable } from '@nestjs/common';
import {
  brokenFeeds,
  comparedModels,
  isUneven,
  missingInFeed,
  modelFaultOf,
  modelRows,
  reservationFaults,
  type ComparedModel,
  type FeedFault,
  type ModelFault,
  type ModelRow,
} from '@tradecore/checks';
import { TransactionEventStore, verifyChains, type LoadedMany, type Wanted } from '@tradecore/event-sourcing';
import { catalogue } from '@tradecore/events';
import { gauge } from '@tradecore/telemetry';
import { Account, Order } from '@tradecore/trading';
import type { EntityManager } from 'typeorm';
import { Around } from '../around.ts';
import type { Fault } from '../findings.ts';
import type { Check } from '../reconciler.ts';
import { Touched } from '../touched.ts';
import { Sweep } from './sweep.ts';

/** Aggregates that were touched lately: in one snapshot, and as long as more of them are due, so many snapshots in a round. */
const touchedAtOnce = 400;
const snapshotsARound = 20;
/** Chains up to this length are computed anew with each touch, and so many of the newest entries of a feed looked for; all in the sweep. */
const touchedDepth = 200;
/** Rows whose checkpoint is not the aggregate's last event are compared one by one. */
const laggingARound = 20;

const skipped = gauge({
  name: 'tradecore_reconciliation_skipped_rows',
  help: 'Rows of read models that the last round could not compare, because they lag or are parked.',
  labels: { why: ['lagging', 'parked'] },
});

/** An aggregate to be looked at. */
export interface Looked {
  readonly aggregateId: string;
  readonly aggregateType: string;
  readonly version?: number;
}

/** What is asked in one snapshot. */
interface Look {
  readonly tx: EntityManager;
  readonly store: TransactionEventStore;
  readonly loaded: LoadedMany;
  readonly looked: readonly Looked[];
  readonly counts: { lagging: number; parked: number };
}

const classes = { Order, Account } as const;
type Compared = keyof typeof classes;
const isCompared = (type: string): type is Compared => Object.hasOwn(classes, type);
const idsOf = (looked: readonly Looked[], type?: string): string[] =>
  looked.filter(({ aggregateType }) => type === undefined || aggregateType === type).map(({ aggregateId }) => aggregateId);
const modelSubject = (model: string, aggregateId: string): string => `${model} ${aggregateId}`;

/**
 * Looks at aggregates one by one, in one snapshot of the database: their chains, what the read models show of them, and whether each reservation has
 * an open order. Those that were touched lately, and a part of all others in each round.
 */
@Injectable()
export class AggregatesCheck implements Check {
  readonly name = 'aggregates-check';
  readonly #sweep: Sweep;

  constructor(
    @Inject(Around) private readonly around: Around,
    @Inject(Touched) private readonly touched: Touched,
  ) {
    this.#sweep = new Sweep(around.config.CHECK_SWEEP);
  }

  /** What was touched, and the next part of the sweep. */
  async round(): Promise<void> {
    const counts = { lagging: 0, parked: 0 };
    let isFull = await this.#part(counts, true);
    for (let more = 1; more < snapshotsARound && isFull; more += 1) isFull = await this.#part(counts, false);
    skipped.set({ why: 'lagging' }, counts.lagging);
    skipped.set({ why: 'parked' }, counts.parked);
  }

  /** One snapshot; the first of a round holds a part of the sweep. Answers whether it took as many as it may: more are due. */
  async #part(counts: Look['counts'], isFirst: boolean): Promise<boolean> {
    const touched = this.touched.take(this.around.config.CHECK_QUIET / 2, touchedAtOnce);
    const { swept, faults } = await this.around.dataSource.transaction('REPEATABLE READ', async (tx) => {
      await tx.query('set transaction read only');
      const swept = isFirst ? await this.#sweep.next(tx) : undefined;
      const faults = [
        ...(await this.#look(tx, { looked: touched, isSweep: false, counts })),
        ...(await this.#look(tx, { looked: swept?.aggregates ?? [], isSweep: true, counts })),
      ];
      return { swept, faults };
    });
    await this.around.lead.write(async (tx) => {
      await this.around.findings.open(tx, faults);
      await this.#close(tx, [...touched, ...(swept?.aggregates ?? [])], faults);
      const began = swept && (await this.#sweep.done(tx, swept));
      if (began) for (const check of ['models', 'store'] as const) await this.around.findings.covered(tx, check, began);
    });
    return touched.length === touchedAtOnce;
  }

  async #look(
    tx: EntityManager,
    { looked, isSweep, counts }: { looked: readonly Looked[]; isSweep: boolean; counts: Look['counts'] },
  ): Promise<Fault[]> {
    if (looked.length === 0) return [];
    const store = new TransactionEventStore(catalogue, tx);
    const wanted = looked.flatMap(({ aggregateId: id, aggregateType }): Wanted[] =>
      isCompared(aggregateType) ? [{ type: classes[aggregateType], id }] : [],
    );
    const look: Look = { tx, store, looked, loaded: await store.loadMany(wanted), counts };
    const faults = [
      await chainFaults(look, isSweep),
      unevenBooks(look),
      await reservationsWithoutOrder(look),
      await feedFaults(look, isSweep),
    ];
    for (const model of comparedModels) faults.push(await rowFaults(look, model));
    return faults.flat();
  }

  async #close(tx: EntityManager, looked: readonly Looked[], faults: readonly Fault[]): Promise<void> {
    const ids = idsOf(looked);
    const models = [...comparedModels.map(({ name }) => name), 'feed-projector'];
    const subjects = {
      store: ids,
      orphans: idsOf(looked, 'Account'),
      models: models.flatMap((name) => ids.map((id) => modelSubject(name, id))),
    };
    for (const check of ['store', 'models', 'orphans'] as const) {
      const except = faults.filter((fault) => fault.check === check);
      const kinds = check === 'orphans' ? ['reservation'] : undefined;
      await this.around.findings.close(tx, { check, subjects: subjects[check], except, ...(kinds && { kinds }) });
    }
  }
}

/** Long chains are computed in the sweep alone. */
async function chainFaults({ tx, looked, loaded }: Look, isSweep: boolean): Promise<Fault[]> {
  const isLong = ({ aggregateId }: Looked): boolean => {
    const found = loaded.aggregates.get(aggregateId);
    return !isSweep && found !== undefined && !(found instanceof Error) && found.aggregate.version > touchedDepth;
  };
  const faults: Fault[] = [];
  const aggregateIds = idsOf(looked.filter((each) => !isLong(each)));
  for await (const page of verifyChains(tx, { aggregateIds })) {
    for (const { aggregateId, version, fault } of page.faults) {
      const detail = `the chain of the aggregate: ${fault} at version ${version}`;
      faults.push({ check: 'store', kind: fault, subject: aggregateId, detail });
    }
  }
  return faults;
}

function accountsIn({ looked, loaded }: Look): Account[] {
  return idsOf(looked, 'Account').flatMap((id) => {
    const found = loaded.aggregates.get(id);
    return found === undefined || found instanceof Error ? [] : [found.aggregate as Account];
  });
}

function unevenBooks(look: Look): Fault[] {
  return accountsIn(look)
    .filter(isUneven)
    .map(({ id, balances }) => ({
      check: 'store',
      kind: 'uneven',
      subject: id,
      detail: `its books do not sum to zero: ${JSON.stringify(balances).slice(0, 1_000)}`,
    }));
}

/** In one snapshot an account and its orders always agree. */
async function reservationsWithoutOrder(look: Look): Promise<Fault[]> {
  const accounts = accountsIn(look);
  const orderIds = [...new Set(accounts.flatMap(({ reservations }) => reservations.map(({ orderId }) => orderId)))];
  const orders = new Map<string, Order>();
  for (let from = 0; from < orderIds.length; from += touchedAtOnce) {
    const found = await look.store.loadMany(orderIds.slice(from, from + touchedAtOnce).map((id) => ({ type: Order, id })));
    for (const [id, each] of found.aggregates) if (!(each instanceof Error)) orders.set(id, each.aggregate as Order);
  }
  return accounts.flatMap((account) => {
    const wrong = reservationFaults(account, orders);
    if (wrong.length === 0) return [];
    return [{ check: 'orphans', kind: 'reservation', subject: account.id, detail: wrong.slice(0, 20).join('; ') } as const];
  });
}

async function feedFaults({ tx, looked }: Look, isSweep: boolean): Promise<Fault[]> {
  const faults = await missingInFeed(tx, idsOf(looked), isSweep ? 2 ** 31 - 1 : touchedDepth);
  if (isSweep) faults.push(...(await brokenFeeds(tx, idsOf(looked, 'Account'))));
  return faults.map(({ aggregateId, detail }: FeedFault) => ({
    check: 'models',
    kind: 'feed',
    subject: modelSubject('feed-projector', aggregateId),
    detail,
  }));
}

async function rowFaults(look: Look, model: ComparedModel): Promise<Fault[]> {
  const { tx, looked, counts } = look;
  const ids = idsOf(looked, model.type.type);
  const rows = ids.length === 0 ? [] : await modelRows(tx, model, ids);
  const parked = rows.filter(({ isParked }) => isParked);
  const judged = rows.filter(({ isParked }) => !isParked);
  const lagging = judged.filter((row) => look.loaded.aggregates.has(row.aggregateId) && versionOf(look, row) !== row.version);
  counts.parked += parked.length;
  counts.lagging += lagging.length + ids.length - rows.length;
  const passed = new Set(lagging.slice(laggingARound));
  const faults: Fault[] = [];
  for (const row of judged.filter((each) => !passed.has(each))) {
    const fault = await rowFault(look, model, row);
    if (fault) faults.push({ check: 'models', subject: modelSubject(model.name, row.aggregateId), ...fault });
  }
  return faults;
}

const versionOf = ({ loaded }: Look, { aggregateId }: ModelRow): number | undefined => {
  const found = loaded.aggregates.get(aggregateId);
  return found instanceof Error ? undefined : found?.aggregate.version;
};

async function rowFault(look: Look, model: ComparedModel, row: ModelRow): Promise<ModelFault | undefined> {
  const found = look.loaded.aggregates.get(row.aggregateId);
  if (!found || found instanceof Error) return undefined;
  const isBehind = found.aggregate.version !== row.version;
  return modelFaultOf(row, isBehind ? await asOf(look, model, row) : model.expected(found.aggregate as never));
}

/** What the model must show of the aggregate as it was at the row's checkpoint. */
async function asOf({ store }: Look, { type, expected }: ComparedModel, { aggregateId, version }: ModelRow) {
  if (version === 0) return null;
  const aggregate = await store.loadAggregateAsOf<Order | Account>(type, aggregateId, { version });
  return expected(aggregate as never);
}
