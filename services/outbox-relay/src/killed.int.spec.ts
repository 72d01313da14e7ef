import { jest } from '@jest/globals';
import { createWorld, drained, expectExactlyOnce, Load, until, type World } from '../test/world.ts';

jest.setTimeout(120_000);

/**
 * Where the loop is killed: before (1), after (1), in the transaction, with its end sent but unanswered, after it;
 * during a start.
 */
const points = [
  'before-take',
  'after-take',
  'in-transaction',
  'commit-sent',
  'after-commit',
  'after-lease',
  'after-position',
  'after-current-batch',
];
const inStart = ['after-lease', 'after-position', 'after-current-batch'];
const kills = points.map((point, index) => `${point}:${inStart.includes(point) ? 1 : 1 + ((index * 5) % 7)}`);

describe('a relay killed with SIGKILL under multi-event, two-aggregate, slow and rolled-back saves', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.close());

  it('at each point of the loop and the start: each stored event is on the topic once, in order', async () => {
    const load = new Load(world.database.urlFor('command-api'));
    const start = (failpoint?: string) => world.relay({ RENEW_MS: '50', ...(failpoint && { FAILPOINT: failpoint }) });
    // The next relay starts while this one works, and takes over when it dies.
    let next = start(kills[0]);
    for (const [index, point] of points.entries()) {
      const relay = next;
      next = start(kills[index + 1]);
      await relay.exited;
      expect([relay.child.signalCode, relay.log()]).toEqual(['SIGKILL', expect.stringContaining(`at ${point}`)]);
    }
    await next.said('leading');
    const before = load.saves;
    await until('more work was done', () => load.saves > before + 30);
    await load.stop();
    await drained(world.database);
    await next.stop();
    expect(next.child.exitCode).toBe(0);
    await expectExactlyOnce(world.kafka, world.database, 100);
  });

  it('a relay standing by takes over without waiting for the lease to lapse: the dead one no longer has a session', async () => {
    const [one, other] = [world.relay({ LEASE_SECONDS: '60' }), world.relay({ LEASE_SECONDS: '60' })];
    await until('one of them leads', () => [one, other].some((each) => each.log().includes('leading')));
    const [first, second] = one.log().includes('leading') ? [one, other] : [other, one];
    await second.said('standing-by');
    first.child.kill('SIGKILL');
    await until('the second leads', () => second.log().includes('leading'), 5_000);
  });
});
