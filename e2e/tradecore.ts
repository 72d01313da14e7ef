import { openFleet, program } from '@tradecore/operate/program';
import type { World } from './world.ts';

/** What the operator's command came to; the code is null when a signal ended it. */
export interface Said {
  readonly code: number | null;
  readonly said: string;
}

/** A command of the operator, once, on the fleet of this world. */
export async function tradecore({ home }: Pick<World, 'home'>, ...args: readonly string[]): Promise<Said & { code: number }> {
  const said: string[] = [];
  const code = await program(args, { say: (text) => said.push(text), open: () => openFleet({ TRADECORE_HOME: home }) });
  return { code, said: said.join('\n') };
}
