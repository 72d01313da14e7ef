import { build } from './fleet.ts';

/** Builds what changed, and runs the simulation: `npm run simulate -- --seed 7 --orders 10000`. */
export async function simulation(args: readonly string[]): Promise<number> {
  await build();
  const { run } = await import('../../../e2e/simulate/run.ts');
  return run(args);
}
