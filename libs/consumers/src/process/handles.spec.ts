import { event, freshId, writtenBy, type RecordedEvent } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';
import { BaseAggregate } from '@tradecore/event-sourcing';
import { CommandDecider } from './command-decider.ts';
import { Handles } from './handles.ts';

class LampAsked extends event('LampAsked', 1)<{ readonly target: string; readonly commandId: string }> {}
class BellAsked extends event('BellAsked', 1)<{ readonly target: string; readonly rings: number }> {}
class LampLit extends event('LampLit', 1)<Record<never, never>> {}

class Lamp extends BaseAggregate<LampLit> {
  static readonly type = 'Lamp';
  light(): void {
    this.apply(new LampLit({}));
  }
  onLampLit(): void {}
}

class LampCommands {
  static readonly aggregate = Lamp;
  @Handles(LampAsked)
  light(lamp: Lamp, _: RecordedEvent<LampAsked>): void {
    lamp.light();
  }
  // @ts-expect-error it takes another step
  @Handles(LampAsked)
  static ring(_lamp: Lamp, _step: RecordedEvent<BellAsked>): void {}
}

const catalogue = {
  Switch: { type: 'Switch', topic: 'saga.switches', ...writtenBy('switch-saga', [LampAsked, BellAsked]) },
};
const deciderOf = (...handlers: object[]) =>
  new CommandDecider({ name: 'lamp-room', topics: ['saga.switches'], handlers, catalogue });
const step = (type: string, data: object): RecordedEvent =>
  recordedSample({ type, schemaVersion: 1, data }, { aggregateType: 'Switch' });

describe('@Handles', () => {
  it('gives a step to the aggregate that it asks', () => {
    const [target, commandId] = [freshId(), freshId()];
    const task = deciderOf(new LampCommands()).taskOf(step('LampAsked', { target, commandId }));
    expect(task).toMatchObject({ targetId: target, wanted: { type: Lamp, id: target } });
  });

  it('leaves steps to others, but not one that nobody knows or that names nobody', () => {
    const decider = deciderOf(new LampCommands());
    expect(decider.taskOf(step('BellAsked', { target: freshId(), rings: 1 }))).toBeUndefined();
    const strange = [step('GongAsked', { target: freshId() }), step('LampAsked', { target: 'me', commandId: freshId() })];
    for (const each of strange) expect(decider.taskOf(each)).toEqual(expect.not.objectContaining({ wanted: expect.anything() }));
  });

  it('refuses two handlers of one step, in one class or in two', () => {
    expect(() => deciderOf(new LampCommands(), new LampCommands())).toThrow('somebody else handles LampAsked');
    const declareTwice = () => {
      class Twice {
        @Handles(LampAsked)
        one(_lamp: Lamp, _step: RecordedEvent<LampAsked>): void {}
        @Handles(LampAsked)
        two(_lamp: Lamp, _step: RecordedEvent<LampAsked>): void {}
      }
      return Twice;
    };
    expect(declareTwice).toThrow('Twice handles LampAsked twice');
  });

  it('refuses a handler that does not decide at once', async () => {
    class Late {
      static readonly aggregate = Lamp;
      @Handles(LampAsked)
      async light(lamp: Lamp, _: RecordedEvent<LampAsked>): Promise<void> {
        await Promise.resolve();
        lamp.light();
      }
    }
    const decider = deciderOf(new Late());
    const asked = step('LampAsked', { target: freshId(), commandId: freshId() });
    const session = await decider.session({ query: () => Promise.resolve([]) }, undefined as never, []);
    const { decide } = session.decision(decider.taskOf(asked) as never, asked);
    expect(() => decide(new Lamp(freshId()))).toThrow('it has to decide at once');
  });
});
