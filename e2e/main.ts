import { setFlagsFromString } from 'node:v8';
import { runCommand, type Command } from '@tradecore/local/runner/commands.ts';
import { build } from '@tradecore/local/runner/fleet.ts';

/** Runs the simulation: `npm run simulate -- --seed 7 --orders 10000`. */
const simulate: Command = async (args) => {
  // Millions of events are short-lived: with a larger young generation garbage collection takes 3 % of the time instead
  // of 10.
  setFlagsFromString('--max-semi-space-size=64');
  setFlagsFromString('--min-semi-space-size=64');
  return (await import('./simulate/run.ts')).run(args);
};

/** Stops the brokerage of a fleet under load: `npm run soak -- --minutes 10`. */
const soak: Command = async (args) => {
  const { withTestServers } = await import('@tradecore/local/testing/test-servers.ts');
  const { soak: run } = await import('./soak.ts');
  return withTestServers(() => run(args));
};

/** Plays a bad day on a fleet of its own: `npm run drill -- restore`, or all of them: `npm run drill -- --all`. */
const drill: Command = async (args) => {
  const { withTestServers } = await import('@tradecore/local/testing/test-servers.ts');
  const { play } = await import('./drill/drills.ts');
  return withTestServers(() => play(args));
};

/** Proves the chart on a real cluster: `npm run e2e:cluster -- --only upgrade`. */
const cluster: Command = async (args) => (await import('./cluster/run.ts')).cluster(args);

/** A command's packages are built before it is loaded. */
const built = (command: Command) => async (): Promise<Command> => {
  await build();
  return command;
};

/** The commands that test the fleet. */
await runCommand({ simulate: built(simulate), soak: built(soak), drill: built(drill), cluster: built(cluster) });
