import { Ground } from './drill/ground.ts';
import { restoreCase, type Outcome } from './drill/restore-cases.ts';

describe('a database that is destroyed under load and restored to a moment before the last writes', () => {
  let ground: Ground;
  let outcome: Outcome;

  beforeAll(async () => {
    ground = await Ground.open({ workers: 3, pauseMs: 50 }); // without a pause they take the cores from what is tested
    outcome = await restoreCase(ground, { beforeMs: 1000, afterMs: 1000 }, true);
  }, 600_000);

  afterAll(() => ground.end(), 90_000);

  it('is closed while topics and store differ, comes back whole, and answers what clients repeat', () => {
    expect(outcome.findings).toEqual([]);
  });

  it('has lost nothing that was relayed: the relay halted, and the topics gave it back', () => {
    expect(outcome.relay).toContain('halted');
    expect(outcome.takenBack).toBeGreaterThan(0);
    expect(outcome.acknowledged).toBeGreaterThan(outcome.lost);
  });
});
