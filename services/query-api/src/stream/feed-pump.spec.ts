import { setImmediate as turn } from 'node:timers/promises';
import { FeedPump, type FeedReader } from './feed-pump.ts';

const position = { epoch: 'e', sequence: 0 };

/** A reader of the account of this name. */
const reader = (accountId: string, subject: string): FeedReader => ({
  ...{ accountId, subject, position, canTake: () => true, take: () => undefined, resync: () => undefined },
});

/** A pump that reads one feed at a time; each read waits for `answer`. */
function world() {
  const read: string[] = [];
  let answer: () => void = () => undefined;
  const db = {
    query: (_: string, [accountId]: [string]) => {
      read.push(accountId);
      return new Promise((resolve) => (answer = () => resolve([{ epoch: 'e', head: 0 }])));
    },
  };
  const pump = new FeedPump(db as never, { STREAM_READS: 1 });
  return { pump, read, answer: () => (answer(), turn()) };
}

describe('the turns of the readers', () => {
  it('forget a subject that left: when it comes again, who waited before it is first', async () => {
    const { pump, read, answer } = world();
    pump.add(reader('first', 'eve'));
    const leave = pump.add(reader('left', 'ann'));
    leave();
    pump.add(reader('waited', 'bob'));
    pump.add(reader('came again', 'ann'));
    for (let n = 0; n < 3; n += 1) await answer();
    expect(read).toEqual(['first', 'waited', 'came again']);
  });
});
