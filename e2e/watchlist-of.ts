import { join } from 'node:path';
import type * as eventSourcing from '@tradecore/event-sourcing';
import type * as events from '@tradecore/events';
import type * as running from '../services/command-api/test/running-command-api.ts';

/** The watchlist of `docs/add-an-aggregate.md`, as far as this needs its type. */
interface WatchlistClass extends eventSourcing.AggregateClass<eventSourcing.AnyAggregate & { watch(symbol: string): void }> {
  readonly type: 'Watchlist';
}

/** The answers of a tree's command-api, and what it stored. */
export interface Found {
  readonly account: string;
  readonly answers: readonly { status: number; symbols: unknown }[];
  readonly events: readonly { type: string; symbol: string; account: string }[];
  readonly outbox: { readonly topic: string; readonly keyIsItsId: boolean };
  /** The answer when the list is full. */
  readonly full: { readonly status: number; readonly code: unknown };
  /** The status for an account that is not the caller's. */
  readonly foreign: number;
  /** The database's answer to another service that appends to a watchlist. */
  readonly otherWriter: string;
}

/** Starts command-api of the copied repository `tree`, uses its watchlist as clients do, and reads what it stored. */
export async function watchlistOf(tree: string): Promise<Found> {
  const load = async <T>(name: string): Promise<T> => (await import(join(tree, name))) as T;
  const { RunningCommandApi } = await load<typeof running>('services/command-api/test/running-command-api.ts');
  const api = await RunningCommandApi.start();
  try {
    const path = `/v1/accounts/${api.account}/watchlist`;
    const answers = [];
    for (const symbol of ['ACME', 'ACME', 'BRK.B']) {
      const { status, body } = await api.post(path, { symbol });
      answers.push({ status, symbols: body['symbols'] });
    }
    const stored = await whatIsStored(api);
    const stranger = await api.newClient();
    const foreign = await stranger.post(path, { symbol: 'ACME' });
    for (let count = 3; count <= 50; count += 1) await api.post(path, { symbol: `S${count}` });
    const { status, body } = await api.post(path, { symbol: 'ONE.MORE' });
    return {
      account: api.account,
      answers,
      ...stored,
      full: { status, code: String(body['type']).split('/').at(-1) },
      foreign: foreign.status,
      otherWriter: await appendAs('order-saga', api, load),
    };
  } finally {
    await api.stop();
  }
}

async function whatIsStored({ database }: running.RunningCommandApi): Promise<Pick<Found, 'events' | 'outbox'>> {
  const rows = (await database.dataSource.query(
    `select e.event_type as type, e.event_data->>'symbol' as symbol, e.metadata->>'account' as account, o.topic, o.key = e.aggregate_id::text as keyed
       from event_store e join event_outbox o on o.event_id = e.event_id where e.aggregate_type = 'Watchlist' order by e.position`,
  )) as { type: string; symbol: string; account: string; topic: string; keyed: boolean }[];
  return {
    events: rows.map(({ type, symbol, account }) => ({ type, symbol, account })),
    outbox: { topic: rows[0]?.topic ?? '', keyIsItsId: rows.every(({ keyed }) => keyed) },
  };
}

/** Appends to a watchlist under another service's login. Returns the text of the refusal. */
async function appendAs(
  service: string,
  { database }: running.RunningCommandApi,
  load: <T>(name: string) => Promise<T>,
): Promise<string> {
  const { createEventStore } = await load<typeof eventSourcing>('libs/event-sourcing/src/index.ts');
  const { catalogue, freshId } = await load<typeof events>('libs/events/src/index.ts');
  const { Watchlist } = await load<{ Watchlist: WatchlistClass }>('libs/trading/src/index.ts');
  const store = createEventStore({ dataSource: await database.dataSourceFor(service), catalogue });
  const watchlist = new Watchlist(freshId());
  watchlist.watch('ACME');
  try {
    await store.saveAggregate(watchlist);
    return 'stored';
  } catch (error) {
    return String(error);
  } finally {
    await store.close();
  }
}
