import { FillReversed, FillSettled, topics, type RecordedEvent } from '@tradecore/events';
import { On, Projector } from '@tradecore/consumers';
import { noPosition, positionAfter, positionWithout, type Position } from '@tradecore/trading';

/** A row of `position_projector.positions_held`: what one account holds of one symbol. */
export interface PositionRow extends Position {
  /** Its key: `<account id>/<symbol>`. */
  readonly holding: string;
  readonly accountId: string;
  readonly symbol: string;
  /** Account version of the event that changed it last. */
  readonly version: number;
  readonly updatedAt: string;
}

/**
 * Projects what each account holds. It folds only the stream of accounts: an average cost depends on the order of the
 * fills, which exists only within one stream. `shared`, because a row's key is not the account's; but no row is fed by
 * two accounts.
 */
@Projector({
  name: 'position-projector',
  topics: [topics.accountEvents.name],
  version: 1,
  table: 'positions_held',
  shared: true,
})
export class Positions {
  /** The account and the symbol traded. */
  key({ aggregateId, data }: RecordedEvent): string {
    return `${aggregateId}/${(data as FillSettled['data']).symbol}`;
  }

  @On(FillSettled)
  onFillSettled(row: PositionRow | undefined, event: RecordedEvent<FillSettled>): PositionRow {
    return this.rowOf(positionAfter(row ?? noPosition, event.data), event);
  }

  @On(FillReversed)
  onFillReversed(row: PositionRow | undefined, event: RecordedEvent<FillReversed>): PositionRow {
    return this.rowOf(positionWithout(row ?? noPosition, event.data), event);
  }

  private rowOf(position: Position, event: RecordedEvent<FillSettled | FillReversed>): PositionRow {
    const { aggregateId: accountId, aggregateVersion: version, data, time: updatedAt } = event;
    return { ...position, holding: this.key(event), accountId, symbol: data.symbol, version, updatedAt };
  }
}
