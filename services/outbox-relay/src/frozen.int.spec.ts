import { jest } from '@jest/globals';
import { createWorld, drained, expectExactlyOnce, Load, until, type RelayProcess, type World } from '../test/world.ts';

jest.setTimeout(120_000);

const impatient = { LEASE_SECONDS: '0.5', RENEW_MS: '50' };

/** Each test has its own world and runs in parallel: most of the time goes into waiting for a lease to lapse. */
describe('two relays of one store', () => {
  const inWorld = (work: (world: World) => Promise<void>) => async (): Promise<void> => {
    const world = await createWorld();
    await work(world).finally(() => world.close());
  };

  const points = ['before-take', 'after-take', 'in-transaction', 'after-commit', 'after-position', 'after-current-batch'];
  for (const point of points) {
    it.concurrent(
      `one freezes at ${point} past its lease and wakes up: the other has taken over, nothing is lost or sent twice`,
      inWorld(async (world) => {
        const load = new Load(world.database.urlFor('command-api'));
        const nth = point.startsWith('after-c') || point.startsWith('after-p') ? 1 : 3;
        const frozen = world.relay({ ...impatient, FAILPOINT: `${point}:${nth}:stop` });
        await frozen.said(`at ${point}`);
        const other = world.relay(impatient);
        await other.said('leading');
        const before = load.saves;
        await until('the other works', () => load.saves > before + 30);
        frozen.child.kill('SIGCONT');
        await frozen.said('standing-by');
        await until('both are awake for a while', () => load.saves > before + 60);
        await load.stop();
        await drained(world.database);
        await expectExactlyOnce(world.kafka, world.database, 60);
      }),
    );
  }

  it.concurrent(
    'each freezes in turn at a random point',
    inWorld(async (world) => {
      const load = new Load(world.database.urlFor('command-api'));
      const relays: [RelayProcess, RelayProcess] = [world.relay(impatient), world.relay(impatient)];
      await Promise.all(relays.map((relay) => until('it is up', () => /leading|standing-by/.test(relay.log()))));
      for (let turn = 0; turn < 6; turn += 1) {
        const [asleep, awake] = turn % 2 === 0 ? relays : ([relays[1], relays[0]] as const);
        asleep.child.kill('SIGSTOP');
        await until('the other leads', () => lastState(awake) === 'leading');
        const before = load.saves;
        await until('it works', () => load.saves > before + 10 + turn * 3);
        asleep.child.kill('SIGCONT');
        await until('the woken one stands by', () => lastState(asleep) === 'standing-by');
      }
      await load.stop();
      await drained(world.database);
      await expectExactlyOnce(world.kafka, world.database, 60);
    }),
  );

  it.concurrent(
    'one stopped by SIGTERM releases the lease at once',
    inWorld(async (world) => {
      const first = world.relay({ LEASE_SECONDS: '60' });
      await first.said('leading');
      const second = world.relay({ LEASE_SECONDS: '60' });
      await second.said('standing-by');
      await first.stop();
      expect(first.child.exitCode).toBe(0);
      await until('the second leads', () => lastState(second) === 'leading', 5_000);
    }),
  );
});

const lastState = (relay: RelayProcess): string | undefined =>
  relay
    .log()
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('{'))
    .at(-1);
