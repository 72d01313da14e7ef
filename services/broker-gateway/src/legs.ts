import { Inject, Injectable } from '@nestjs/common';
import { EventStore, PostgresEventStore, type Transaction } from '@tradecore/event-sourcing';
import { freshId, placementIdFor, type RecordedEvent } from '@tradecore/events';
import { runInContext, type WorkContext } from '@tradecore/telemetry';
import { BrokerOrder } from '@tradecore/trading';
import { Recent } from './recent.ts';
import { Turns } from './turns.ts';

/** Of so many legs this process remembers where they come from and how far they were; others are read from the store. */
const rememberedLegs = 20_000;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Loads and saves BrokerOrders, each in the context of the order that it belongs to. */
@Injectable()
export class Legs {
  /** By leg: a worker that stores an answer and an update that comes with it would else store against each other. */
  readonly turns = new Turns();
  private readonly origins = new Recent<string, WorkContext>(rememberedLegs);
  private readonly saved = new Recent<string, { readonly version: number; readonly isWorking: boolean }>(rememberedLegs);
  private readonly store: PostgresEventStore;

  constructor(@Inject(EventStore) store: EventStore) {
    if (!(store instanceof PostgresEventStore)) throw new TypeError('the gateway needs a PostgresEventStore');
    this.store = store;
  }

  /** The leg under this client order id; undefined when it is none of ours. */
  async find(clientOrderId: string, tx?: Transaction): Promise<BrokerOrder | undefined> {
    if (!uuid.test(clientOrderId)) return undefined;
    const leg = await this.load(clientOrderId, tx);
    return leg.version === 0 ? undefined : leg;
  }

  /** The aggregate of this id; version 0 if it has no event. */
  load(id: string, tx?: Transaction): Promise<BrokerOrder> {
    return (tx ? this.store.within(tx) : this.store).loadAggregate(BrokerOrder, id);
  }

  /** Saves legs of one order, all or none; what did not change is left alone. */
  async save(legs: readonly BrokerOrder[], tx?: Transaction): Promise<void> {
    const changed = legs.filter(({ uncommittedEvents }) => uncommittedEvents.length > 0);
    const [first] = changed;
    if (!first) return;
    const context = await this.contextOf(first);
    await runInContext(context, () => (tx ? this.store.within(tx) : this.store).saveAggregates(changed));
    // In a transaction that fails after this the version is too high: the leg is then loaded once more than it had to be.
    for (const leg of changed) this.saved.set(leg.id, { version: leg.version, isWorking: leg.progress === 'working' });
  }

  /** Whether this process has stored events of the leg since it was loaded. */
  isOld(leg: BrokerOrder): boolean {
    return (this.saved.get(leg.id)?.version ?? 0) > leg.version;
  }

  /** Whether the leg was at the broker when this process last stored something of it. */
  wasWorking(id: string): boolean {
    return this.saved.get(id)?.isWorking === true;
  }

  /** Remembers where legs come from, so that their later events carry it on. */
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

  private async contextOf(leg: BrokerOrder): Promise<WorkContext> {
    if (this.origins.get(leg.id) === undefined) {
      const [first] = await this.store.readEvents(leg.id, { limit: 1 });
      if (first) this.remember(first);
    }
    const known = this.origins.get(leg.id) ?? { correlationId: freshId(), actor: 'broker-gateway' };
    const { orderId, accountId } = leg.terms ?? {};
    if (orderId === undefined || accountId === undefined) return known;
    return { ...known, sagaId: placementIdFor(orderId), account: accountId };
  }
}
