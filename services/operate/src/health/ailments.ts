import type { MarketSession } from '@tradecore/events';
import type { Row } from '../output.ts';

/** Something to know now. */
export interface Ailment {
  /** 1: clients are hurt now; 2: they will be; 3: worth knowing. */
  readonly severity: 1 | 2 | 3;
  readonly what: string;
  /** In docs/runbooks. */
  readonly runbook: string;
}

/** `doctor` reports what exceeds these. */
const limits = {
  /** That an event waits in the outbox. */
  outboxSeconds: 10,
  /** That are not read. */
  lagRecords: 10_000,
  /** Since when a transaction is open: vacuum and the relay's floor wait for it. */
  transactionSeconds: 60,
  /** Of the newest price while the market is open. */
  priceSeconds: 60,
  /** Of the connections that the database takes. */
  connectionShare: 0.8,
  /** Between the clock here and the database's. */
  clockSeconds: 1,
  /** Since what the reconciler has compared with the topics, and since it looked for orphans. */
  comparedSeconds: 15 * 60,
  /** Since the newest moment that can be restored: what was committed after it may be lost. */
  restorableSeconds: 60,
  /** Since the newest base: 36 hours, where one is due each day. */
  baseSeconds: 36 * 3600,
  /** Since a restore ended well: 8 days, where one is tried each week. */
  restoreTestSeconds: 8 * 24 * 3600,
};

/** Of the row of `relay status`, and of the store's. */
export function ofRelay(row: Row = {}, store: Readonly<Record<string, unknown>> = {}): Ailment[] {
  const ailments: Ailment[] = [];
  const add = (what: string, runbook = 'relay-halted') => ailments.push({ severity: 1, what, runbook });
  const { closed_reason: closed, moved_from: moved } = store;
  if (typeof closed === 'string') add(`the store is closed: ${closed}`);
  if (typeof moved === 'string') add(`the store was on ${moved}: what was not yet published there may be lost`, 'moved-store');
  const waits = Number(row['oldest (s)']);
  if (row['state'] === 'halted') add(`the relay is halted: ${row['reason']}`);
  else if (waits > limits.outboxSeconds) add(`events wait in the outbox for ${waits} s`);
  return ailments;
}

/** Of a row of `consumers list` or `projections list`. */
export function ofReader(row: Row, runbook: string): Ailment[] {
  if (row['state'] === 'halted') return [{ severity: 1, what: `${row['name']} is halted: ${row['reason']}`, runbook }];
  const lag = Number(row['lag (records)']);
  return lag > limits.lagRecords ? [{ severity: 2, what: `${row['name']} is ${lag} records behind`, runbook }] : [];
}

/** The sessions of a service in the database. */
export interface Sessions {
  readonly service: string;
  readonly sessions: number;
  /** Seconds of its oldest transaction; null where none is open. */
  readonly open: number | null;
}

/** Of all sessions, where the database takes `most`. */
export function ofSessions(all: readonly Sessions[], most: number): Ailment[] {
  const used = all.reduce((sum, { sessions }) => sum + sessions, 0);
  const old = all.filter(({ open }) => Number(open) > limits.transactionSeconds);
  const found = old.map(({ service, open }) => `a transaction of "${service}" has been open for ${open} s`);
  if (used > most * limits.connectionShare) found.push(`${used} of ${most} connections of the database are taken`);
  return found.map((what) => ({ severity: 2, what, runbook: 'database' }));
}

/** Of the database's time, which was asked for between two moments of the clock here, all in ms. */
export function ofClock(at: number, { before, after }: { readonly before: number; readonly after: number }): Ailment[] {
  const seconds = Math.max(before - at, at - after, 0) / 1000;
  if (seconds <= limits.clockSeconds) return [];
  return [{ severity: 2, what: `the clock here and the database's are ${seconds.toFixed(1)} s apart`, runbook: 'database' }];
}

/** Of the newest price: a door decides by none that is older than a minute while the market is open. */
export function ofMarket(session: Pick<MarketSession, 'isOpen'> | undefined, seconds: number): Ailment[] {
  const runbook = 'market-data-away';
  if (!session) return [{ severity: 1, what: 'no market data has been published', runbook }];
  if (!session.isOpen || seconds <= limits.priceSeconds) return [];
  return [{ severity: 1, what: `the market is open and the newest price is ${seconds} s old`, runbook }];
}

/** Of the reconciler: findings that are open and not acknowledged, and by check how long ago what it has compared was. */
export function ofReconciler(open: number, behind: ReadonlyMap<string, number>): Ailment[] {
  const found: Ailment[] =
    open > 0 ? [{ severity: 1, what: `the reconciler has ${open} findings`, runbook: 'reconciliation-findings' }] : [];
  for (const [check, seconds] of behind) {
    if (seconds <= limits.comparedSeconds) continue;
    found.push({
      severity: 2,
      what: `the reconciler has compared no ${check} for ${inWords(seconds)}`,
      runbook: 'reconciler-behind',
    });
  }
  return found;
}

/** How old a backup is, in seconds; Infinity for what there is none of. */
export interface BackupAges {
  readonly base: number;
  readonly restorable: number;
  readonly restoreTest: number;
}

/** Of a backup. */
export function ofBackup({ base, restorable, restoreTest }: BackupAges): Ailment[] {
  const old = (seconds: number, is: string, isNone: string): string =>
    seconds === Infinity ? isNone : `${is} ${inWords(seconds)} old`;
  const found: Omit<Ailment, 'runbook'>[] = [];
  if (restorable > limits.restorableSeconds)
    found.push({ severity: 2, what: old(restorable, 'the newest moment that can be restored is', 'no moment can be restored') });
  if (base > limits.baseSeconds)
    found.push({ severity: 2, what: old(base, 'the newest base of the backup is', 'the backup has no base') });
  if (restoreTest > limits.restoreTestSeconds)
    found.push({ severity: 3, what: old(restoreTest, 'the last restore is', 'no restore has been tried') });
  return found.map((each) => ({ ...each, runbook: 'backup-behind' }));
}

const inWords = (seconds: number): string => (seconds < 7200 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 3600)} h`);
