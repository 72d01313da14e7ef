import { causedEventId, freshId } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import type { EventStore } from '../store/event-store.ts';
import type { PartToSave, PrepareOptions } from '../append/save.ts';
import { ConcurrencyException, EventIdTaken, InvalidSave, PayloadTooLarge, TextNotStorable } from '../store/store-errors.ts';
import { Gate, onlyRaiseId, Tally, TallyOpened, TallyRaised, type TallyEvent } from './tally.ts';

/** What every store guarantees for saves whose parts were prepared without an instance of the aggregate. */
export function preparedSaves(store: () => EventStore): void {
  const parts = partsOf(store);
  parts.ofManyRequests();
  parts.named();
  parts.taken();
  parts.asserted();
  parts.refused();
}

const opened = new TallyOpened({ owner: 'me' });
const raised = (by: number, note?: string): TallyRaised => new TallyRaised({ by, ...(note !== undefined && { note }) });

function partsOf(store: () => EventStore) {
  const part = (id: string, expected: number, events: readonly TallyEvent[], options?: PrepareOptions): PartToSave => {
    const target = { type: 'Tally', id };
    return { ...target, expected, events: store().prepare(target, events, options) };
  };
  const request = () => ({
    correlationId: freshId(),
    causationId: freshId(),
    commandId: freshId(),
    actor: 'me',
    account: freshId(),
  });
  const tally = async (): Promise<string> => {
    const id = freshId();
    await store().savePrepared([part(id, 0, [opened])]);
    return id;
  };
  const total = async (id: string): Promise<number> => (await store().loadAggregate(Tally, id)).total;

  return {
    ofManyRequests(): void {
      it('holds decisions of several requests in one save, each with its own origin and ids', async () => {
        const [purse, one, two] = [await tally(), freshId(), freshId()];
        const [first, second] = [request(), request()];
        const spent = [
          part(purse, 1, [raised(1)], { context: first }),
          part(purse, 2, [raised(2), raised(3)], { context: second }),
        ];
        const { outcome, events } = await store().savePrepared([
          part(one, 0, [opened], { context: first }),
          { type: 'Tally', id: purse, expected: 1, events: spent.flatMap((each) => each.events) },
          part(two, 0, [opened], { context: second }),
        ]);
        expect(outcome).toBe('stored');
        expect(
          events.map(({ aggregateId, aggregateVersion, correlationId }) => [aggregateId, aggregateVersion, correlationId]),
        ).toEqual([
          [one, 1, first.correlationId],
          [purse, 2, first.correlationId],
          [purse, 3, second.correlationId],
          [purse, 4, second.correlationId],
          [two, 1, second.correlationId],
        ]);
        expect(events[3]).toMatchObject({
          id: causedEventId(second.commandId, purse, 1),
          causationId: second.causationId,
          metadata: { actor: 'me', account: second.account },
        });
        expect(await store().readEvents(purse, { from: 2 })).toEqual(events.slice(1, 4));
      });

      it('answers a repeat with what its command stored in each aggregate, and nothing of other commands', async () => {
        const [purse, one, two] = [await tally(), freshId(), freshId()];
        const [first, second] = [request(), request()];
        const spent = [first, second].map((context, index) => part(purse, 1 + index, [raised(1), raised(2)], { context }));
        await store().savePrepared([
          part(one, 0, [opened, raised(5)], { context: first }),
          part(two, 0, [opened], { context: second }),
          { type: 'Tally', id: purse, expected: 1, events: spent.flatMap((each) => each.events) },
        ]);
        const again = async (context: ReturnType<typeof request>, ids: string[]) => {
          const { outcome, events } = await store().savePrepared(ids.map((id) => part(id, 9, [raised(9)], { context })));
          return [outcome, ...events.map(({ aggregateId, aggregateVersion }) => [aggregateId, aggregateVersion])];
        };
        expect(await again(first, [purse, two, one, freshId()])).toEqual([
          'repeated',
          [purse, 2],
          [purse, 3],
          [one, 1],
          [one, 2],
        ]);
        expect(await again(second, [purse, one])).toEqual(['repeated', [purse, 4], [purse, 5]]);
      });

      it('uses the context of the call if none is given, and is repeated when all its decisions are stored', async () => {
        const [id, context] = [await tally(), request()];
        const prepared = runInContext(context, () => part(id, 1, [raised(1)]));
        expect(prepared.events).toMatchObject([
          { id: causedEventId(context.commandId, id, 0), origin: { correlationId: context.correlationId } },
        ]);
        const { events } = await store().savePrepared([prepared]);
        await store().savePrepared([part(id, 2, [raised(10)])]);
        const other = freshId();
        const again = [part(other, 0, [opened], { context }), part(id, 3, [raised(7)], { context })];
        expect(await store().savePrepared(again)).toEqual({ outcome: 'repeated', events });
        expect(await store().readEvents(other)).toEqual([]);
      });
    },

    named(): void {
      it('takes event ids from the options, else the catalogue, else the command', async () => {
        const [id, context, told] = [freshId(), request(), freshId()];
        const note = `only ${freshId()}`;
        const events = [opened, raised(1, note), raised(2), raised(3, `only ${freshId()}`)];
        const prepared = part(id, 0, events, { context, ids: new Map([[3, told]]) });
        const ids = [causedEventId(context.commandId, id, 0), onlyRaiseId(note), causedEventId(context.commandId, id, 2), told];
        expect(prepared.events.map((event) => event.id)).toEqual(ids);
        await store().savePrepared([prepared]);
        expect((await store().readEvents(id)).map((event) => event.id)).toEqual(ids);
        expect((await store().savePrepared([part(id, 4, [opened], { context })])).events.map((event) => event.id)).toEqual(ids);
      });

      it('does the same for aggregates saved whole', async () => {
        const note = `only ${freshId()}`;
        const { events } = await store().saveAggregate(new Tally(freshId()).open('me').raise(1, note));
        expect(events[1]?.id).toBe(onlyRaiseId(note));
      });
    },

    taken(): void {
      it('reports the owner of an id that another aggregate has, stores nothing, and does not call it a repeat', async () => {
        const [note, holder, id, beside] = [`only ${freshId()}`, await tally(), freshId(), freshId()];
        const { events } = await store().savePrepared([part(holder, 1, [raised(1, note)])]);
        const refused = store().savePrepared([part(beside, 0, [opened]), part(id, 0, [opened, raised(1, note)])]);
        await expect(refused).rejects.toThrow(EventIdTaken);
        await expect(refused).rejects.toMatchObject({
          kind: 'conflict',
          aggregateIds: [id],
          takenBy: holder,
          taken: [{ eventId: events[0]?.id, aggregateId: id, takenBy: holder }],
        });
        for (const each of [id, beside]) expect(await store().readEvents(each)).toEqual([]);
      });

      it('reports which decisions of a save are already stored when others are not', async () => {
        const [purse, one, two] = [await tally(), freshId(), freshId()];
        const [first, second] = [request(), request()];
        await store().savePrepared([part(one, 0, [opened], { context: first }), part(purse, 1, [raised(1)], { context: first })]);
        const spent = [first, second].map((context, index) => part(purse, 2 + index, [raised(1)], { context }));
        const refused = store().savePrepared([
          part(two, 0, [opened], { context: second }),
          part(one, 0, [opened], { context: first }),
          { type: 'Tally', id: purse, expected: 2, events: spent.flatMap((each) => each.events) },
        ]);
        await expect(refused).rejects.toMatchObject({
          code: 'event-id-taken',
          aggregateIds: [one, purse],
          taken: [
            { aggregateId: one, takenBy: one },
            { aggregateId: purse, takenBy: purse },
          ],
        });
        expect([await total(purse), await total(two)]).toEqual([1, 0]);
      });
    },

    asserted(): void {
      const assertion = (id: string, expected: number): PartToSave => ({ type: 'Gate', id, expected, events: [] });

      it('stores only under the asserted version, even of a missing aggregate', async () => {
        const gate = new Gate(freshId());
        const save = (expected: number) => store().savePrepared([part(freshId(), 0, [opened]), assertion(gate.id, expected)]);
        expect((await save(0)).events).toHaveLength(1);
        await store().saveAggregate(gate.turn(false));
        await expect(save(0)).rejects.toMatchObject({ conflicts: [{ aggregateId: gate.id, expected: 0, found: 1 }] });
        expect((await save(1)).outcome).toBe('stored');
        expect(await store().readEvents(gate.id)).toHaveLength(1);
      });

      it('reports every part in conflict', async () => {
        const [gate, one, two, fine] = [new Gate(freshId()).turn(true), await tally(), await tally(), await tally()];
        await store().saveAggregate(gate);
        const refused = store().savePrepared([
          part(fine, 1, [raised(1)]),
          part(one, 0, [raised(1)]),
          assertion(gate.id, 7),
          part(two, 4, [raised(1)]),
        ]);
        await expect(refused).rejects.toThrow(ConcurrencyException);
        await expect(refused).rejects.toMatchObject({
          aggregateId: one,
          expected: 0,
          found: 1,
          conflicts: [
            { aggregateId: one, expected: 0, found: 1 },
            { aggregateId: gate.id, expected: 7, found: 1 },
            { aggregateId: two, expected: 4, found: 1 },
          ],
        });
        expect(await total(fine)).toBe(0);
      });

      it('is refused for types that may not be asserted, and in a save without events', async () => {
        const id = await tally();
        const asserting = [part(freshId(), 0, [opened]), { type: 'Tally', id, expected: 1, events: [] }];
        await expect(store().savePrepared(asserting)).rejects.toThrow(InvalidSave);
        await expect(store().savePrepared([assertion(freshId(), 0)])).rejects.toThrow(InvalidSave);
        await expect(store().savePrepared([])).rejects.toThrow(InvalidSave);
      });
    },

    refused(): void {
      it('is refused when prepared if too many, too large, not storable, undeclared, or with an invalid id', () => {
        const prepare = (events: TallyEvent[], id = freshId()) => store().prepare({ type: 'Tally', id }, events);
        expect(() => prepare(Array.from({ length: 101 }, () => raised(1)))).toThrow(PayloadTooLarge);
        expect(() => prepare([raised(1, 'x'.repeat(256 * 1024))])).toThrow(PayloadTooLarge);
        expect(() => prepare(Array.from({ length: 6 }, () => raised(1, 'x'.repeat(200 * 1024))))).toThrow(PayloadTooLarge);
        expect(() => prepare([raised(1, '\u0000')])).toThrow(TextNotStorable);
        expect(() => prepare([opened], 'not-an-id')).toThrow(InvalidSave);
        expect(() => store().prepare({ type: 'Gate', id: freshId() }, [opened])).toThrow(InvalidSave);
        const ids = new Map([[0, 'not-an-id']]);
        expect(() => store().prepare({ type: 'Tally', id: freshId() }, [opened], { ids })).toThrow(InvalidSave);
      });

      it('is refused when its parts do not match: events of another aggregate, an event twice', async () => {
        const [id, other] = [freshId(), freshId()];
        const { events } = part(id, 0, [opened]);
        await expect(store().savePrepared([{ type: 'Tally', id: other, expected: 0, events }])).rejects.toThrow(InvalidSave);
        const twice = { type: 'Tally', id, expected: 0, events: [...events, ...events] };
        await expect(store().savePrepared([twice])).rejects.toThrow(InvalidSave);
      });
    },
  };
}
