import { event, writtenBy, type Catalogue } from '@tradecore/events';
import { BaseAggregate } from '../base-aggregate.ts';
import { DomainError } from '../domain-error.ts';
import type { SnapshotPolicy } from '../snapshots.ts';

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

/** A tally that is kept in snapshots; `restoredAt` tells the version at which this one started. */
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

/** The catalogue of `Tally`: its topic and writer are those of Order, so that relays and roles of the fleet serve it. */
export const tallyCatalogue: Catalogue = {
  Tally: { type: 'Tally', topic: 'transport.order-events', ...writtenBy('command-api', [TallyOpened, TallyRaised]) },
};
