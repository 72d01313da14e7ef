import { Inject, Injectable } from '@nestjs/common';
import { EventStore, PostgresEventStore, type Transaction } from '@tradecore/event-sourcing';
import { freshId, placementIdFor, type RecordedEvent } from '@tradecore/events';
import { runInContext, type WorkContext } from '@tradecore/telemetry';
import { BrokerOrder } from '@tradecore/trading';
import { BoundedCache } from '@tradecore/consumers';
import { KeyedMutex } from '@tradecore/consumers';

/** Of so many revisions this process remembers where they come from and how far they were; others are read from the store. */
const rememberedRevisions = 20_000;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Loads and saves BrokerOrders, each in the context of the order that it belongs to. */
@Injectable()
export class Revisions {
  /** By revision: a worker that stores an answer and an update that comes with it would else store against each other. */
  readonly turns = new KeyedMutex();
  private readonly origins = new BoundedCache<string, WorkContext>(rememberedRevisions);
  private readonly saved = new BoundedCache<string, { readonly version: number; readonly isWorking: boolean }>(
    rememberedRevisions,
  );
  private readonly store: PostgresEventStore;

  constructor(@Inject(EventStore) store: EventStore) {
    if (!(store instanceof PostgresEventStore)) throw new TypeError('the gateway needs a PostgresEventStore');
    this.store = store;
  }

  /** The revision under this client order id; undefined when it is none of ours. */
  async find(clientOrderId: string, tx?: Transaction): Promise<BrokerOrder | undefined> {
    if (!uuid.test(clientOrderId)) return undefined;
    const revision = await this.load(clientOrderId, tx);
    return revision.version === 0 ? undefined : revision;
  }

  /** The aggregate of this id; version 0 if it has no event. */
  load(id: string, tx?: Transaction): Promise<BrokerOrder> {
    return (tx ? this.store.within(tx) : this.store).loadAggregate(BrokerOrder, id);
  }

  /** Saves revisions of one order, all or none; what did not change is left alone. */
  async save(revisions: readonly BrokerOrder[], tx?: Transaction): Promise<void> {
    const changed = revisions.filter(({ uncommittedEvents }) => uncommittedEvents.length > 0);
    const [first] = changed;
    if (!first) return;
    const context = await this.contextOf(first);
    await runInContext(context, () => (tx ? this.store.within(tx) : this.store).saveAggregates(changed));
    // In a transaction that fails after this the version is too high: the revision is then loaded once more than it had to be.
    for (const revision of changed)
      this.saved.set(revision.id, { version: revision.version, isWorking: revision.progress === 'working' });
  }

  /** Whether this process has stored events of the revision since it was loaded. */
  isOld(revision: BrokerOrder): boolean {
    return (this.saved.get(revision.id)?.version ?? 0) > revision.version;
  }

  /** Whether the revision was at the broker when this process last stored something of it. */
  wasWorking(id: string): boolean {
    return this.saved.get(id)?.isWorking === true;
  }

  /** Remembers where revisions come from, so that their later events carry it on. */
  remember(event: RecordedEvent): void {
    const { aggregateId, correlationId, sagaId, metadata, id } = event;
    this.origins.set(aggregateId, {
      correlationId: correlationId ?? id,
      actor: 'broker-gateway',
      ...(sagaId !== null && { sagaId }),
      ...(metadata.account !== undefined && { account: metadata.account }),
      ...(metadata.traceparent !== undefined && { traceparent: metadata.traceparent }),
    });
  }

  private async contextOf(revision: BrokerOrder): Promise<WorkContext> {
    if (this.origins.get(revision.id) === undefined) {
      const [first] = await this.store.readEvents(revision.id, { limit: 1 });
      if (first) this.remember(first);
    }
    const known = this.origins.get(revision.id) ?? { correlationId: freshId(), actor: 'broker-gateway' };
    const { orderId, accountId } = revision.terms ?? {};
    if (orderId === undefined || accountId === undefined) return known;
    return { ...known, sagaId: placementIdFor(orderId), account: accountId };
  }
}
