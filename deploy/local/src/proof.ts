import { setFlagsFromString } from 'node:v8';
import { build } from './fleet.ts';
import { withTestServers } from './test-servers.ts';

/** Builds what changed, and runs the simulation: `npm run simulate -- --seed 7 --orders 10000`. */
export async function simulation(args: readonly string[]): Promise<number> {
  await build();
  // Millions of events die young: with room for them garbage collection takes 3 % of the time instead of 10.
  setFlagsFromString('--max-semi-space-size=64');
  setFlagsFromString('--min-semi-space-size=64');
  const { run } = await import('../../../e2e/simulate/run.ts');
  return run(args);
}

/** Takes the broker away from a fleet under load: `npm run soak -- --minutes 10`. */
export async function soaking(args: readonly string[]): Promise<number> {
  await build();
  const { soak } = await import('../../../e2e/soak.ts');
  return withTestServers(() => soak(args));
}
