import { Refusal } from './console.ts';
export async function start(_args: readonly string[]): Promise<number> {
  throw new Refusal('not yet');
}
