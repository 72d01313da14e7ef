import { BaseAggregate, UnhandledEvent, type DomainError } from './index.ts';
import { given, Tally, TallyNotOpen, TallyOpened, TallyRaised, type TallyEvent } from './testing.ts';

const opened = new TallyOpened({ owner: 'me' });

describe('an aggregate', () => {
  it('applies what it decides: version, state, uncommitted events', () =>
    given(Tally, opened)
      .when((tally) => tally.raise(2).raise(3))
      .then(new TallyRaised({ by: 2 }), new TallyRaised({ by: 3 })));

  it('refuses with a typed error and applies nothing', () =>
    given(Tally)
      .when((tally) => void tally.raise(1))
      .thenThrows(TallyNotOpen));

  it('forgets committed events and keeps its version', () => {
    const tally = new Tally('id').open('me').raise(1);
    expect([tally.version, tally.uncommittedEvents.length]).toEqual([2, 2]);
    tally.markCommitted();
    expect([tally.version, tally.uncommittedEvents.length]).toEqual([2, 0]);
  });

  it('replays history only before it decides', () => {
    expect(() => new Tally('id').open('me').replay([opened])).toThrow('history comes first');
  });

  it('continues from events decided elsewhere as from stored ones', () => {
    const tally = new Tally('id').replay([opened]).record([new TallyRaised({ by: 2 }), new TallyRaised({ by: 3 })]);
    expect(tally).toMatchObject({ version: 3, total: 5, uncommittedEvents: [] });
    expect(() => tally.raise(1).record([new TallyRaised({ by: 1 })])).toThrow('uncommitted events');
  });

  it('throws for an event without a handler, and does not compile without one', () => {
    class Forgetful extends BaseAggregate<TallyEvent> {
      static readonly type = 'Forgetful';
      open(): void {
        // @ts-expect-error onTallyOpened and onTallyRaised are missing
        this.apply(opened);
      }
      history(): void {
        this.replay([opened]);
      }
    }
    expect(() => new Forgetful('id').open()).toThrow(UnhandledEvent);
    expect(() => new Forgetful('id').history()).toThrow('Forgetful has no method onTallyOpened');
    expect(new Forgetful('id').version).toBe(0);
  });

  it('does not compile with a handler for another event', () => {
    class Mistaken extends BaseAggregate<TallyOpened> {
      open(): void {
        // @ts-expect-error the parameter of onTallyOpened is another event
        this.apply(opened);
      }
      onTallyOpened(_: TallyRaised): void {
        return;
      }
    }
    expect(() => new Mistaken('id').open()).not.toThrow();
  });

  it('refuses with a message, a code and a kind', () => {
    const refusal: DomainError = new TallyNotOpen('no', { tally: 'id' });
    expect(refusal).toMatchObject({ name: 'TallyNotOpen', code: 'tally-not-open', kind: 'refused', details: { tally: 'id' } });
  });
});

describe('given, when, then', () => {
  it('fails when other events were applied, and when an expected refusal is missing', () => {
    const raised = given(Tally, opened).when((tally) => tally.raise(1));
    expect(() => raised.then(new TallyRaised({ by: 2 }))).toThrow();
    expect(() => raised.then()).toThrow();
    expect(() => raised.thenThrows(TallyNotOpen)).toThrow();
    expect(() =>
      given(Tally)
        .when((tally) => tally.raise(1))
        .then(),
    ).toThrow(TallyNotOpen);
  });
});
