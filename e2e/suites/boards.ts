import { answered, faultsOf } from '../drill/boards.ts';
import type { Stage } from './stage.ts';

/** The boards, beside a fleet that has traded for over a minute. */
export function watching(stage: Stage): void {
  it('shows data in every panel of every board', async () => {
    expect(faultsOf(await answered(stage.world))).toEqual([]);
  }, 60_000);
}
