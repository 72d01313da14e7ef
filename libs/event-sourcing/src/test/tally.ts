import { derivedId, event, writtenBy, type Catalogue } from '@tradecore/events';
import { BaseAggregate } from '../base-aggregate.ts';
import { DomainError } from '../domain-error.ts';
import type { SnapshotPolicy } from '../load/snapshots.ts';

export class TallyOpened extends event('TallyOpened', 1)<{ readonly owner: string }> {}
export class TallyRaised extends event('TallyRaised', 1)<{ readonly by: number; readonly note?: string }> {}
export type TallyEvent = TallyOpened | TallyRaised;

/** The tally is not open. */
export class TallyNotOpen extends DomainError {
  readonly code = 'tally-not-open';
  readonly kind = 'refused';
}

/** A sample aggregate for tests of stores: a count that its events raise. */
export class Tally extends BaseAggregate<TallyEvent> {
  static readonly type: string = 'Tally';
  owner: string | undefined;
  total = 0;

  open(owner: string): this {
    this.apply(new TallyOpened({ owner }));
    return this;
  }

  raise(by: number, note?: string): this {
    if (this.owner === undefined) throw new TallyNotOpen(`tally ${this.id} is not open`);
    this.apply(new TallyRaised({ by, ...(note !== undefined && { note }) }));
    return this;
  }

  onTallyOpened({ data }: TallyOpened): void {
    this.owner = data.owner;
  }

  onTallyRaised({ data }: TallyRaised): void {
    this.total += data.by;
  }
}

/** A tally with snapshots; `restoredAt` is the version at which this one started. */
export class KeptTally extends Tally {
  static readonly snapshots: SnapshotPolicy = { every: 10, shape: 1 };
  restoredAt: number | undefined;

  toSnapshot(): { owner: string | undefined; total: number } {
    return { owner: this.owner, total: this.total };
  }

  restore({ owner, total }: { owner: string; total: number }): void {
    this.owner = owner;
    this.total = total;
  }

  override startAt(version: number): void {
    super.startAt(version);
    this.restoredAt = version;
  }
}

/** A gate that tallies may depend on: read often, turned rarely. */
export class GateTurned extends event('GateTurned', 1)<{ readonly isOpen: boolean }> {}

/** A sample aggregate whose version other saves assert. */
export class Gate extends BaseAggregate<GateTurned> {
  static readonly type = 'Gate';
  isOpen = true;

  turn(isOpen: boolean): this {
    this.apply(new GateTurned({ isOpen }));
    return this;
  }

  onGateTurned({ data }: GateTurned): void {
    this.isOpen = data.isOpen;
  }
}

/** The id of a raise with the note `only ...`: each such note is unique in the store. */
export const onlyRaiseId = (note: string): string => derivedId('only-raise', note);

/**
 * The catalogue of `Tally` and `Gate`: it uses the fleet's topics and writers, so that its relays and roles serve them.
 * Two services raise a tally, one opens it.
 */
export const tallyCatalogue: Catalogue = {
  Gate: { type: 'Gate', topic: 'transport.control-events', asserted: true, ...writtenBy('command-api', [GateTurned]) },
  Tally: {
    type: 'Tally',
    topic: 'transport.order-events',
    events: [TallyOpened, TallyRaised],
    writers: { 'command-api': [TallyOpened, TallyRaised], 'order-saga': [TallyRaised] },
    idOf: ({ data }) => {
      const { note = '' } = data as { readonly note?: string };
      return note.startsWith('only ') ? onlyRaiseId(note) : undefined;
    },
  },
};
