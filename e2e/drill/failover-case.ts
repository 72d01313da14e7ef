import { setTimeout as pause } from 'node:timers/promises';
import type { Ground } from './ground.ts';
import { judged, type Outcome, type Pace } from './restore-cases.ts';

/**
 * A standby takes over that lacks the last writes. They were never relayed, for the relay stood still: offsets and store agree, and only the timeline
 * tells that something was lost.
 */
export async function failoverCase(ground: Ground, { beforeMs, afterMs }: Pace): Promise<Outcome> {
  const { postgres, world, writers } = ground;
  await postgres.addStandby();
  await pause(beforeMs);
  const relay = world.pidOf('outbox-relay');
  process.kill(relay, 'SIGSTOP');
  await postgres.standbyHasAll();
  await postgres.stopStandby();
  await pause(Math.min(afterMs, 2000)); // less than the lease: nothing takes the place of the frozen relay
  const told = [...writers.acknowledged];
  const destroyed = Date.now();
  const bytes = await postgres.failOver();
  const reborn = Date.now();
  process.kill(relay, 'SIGCONT');
  const opening = Date.now();
  await world.until('an acknowledged write', () => writers.acknowledgedSince(opening) !== undefined, 180_000);
  const resumed = writers.acknowledgedSince(opening) ?? opening;
  await ground.holds('the timeline to be found', 'select from store_identity where moved_at is not null');
  const found = (await ground.tradecore('doctor')).said;
  const { said } = await ground.tradecore('relay', 'status');
  const halted = said.includes('halted') ? ['the relay halted, though nothing that was lost had been relayed'] : [];
  const relayFound = found
    .split('\n')
    .filter((line) => line.includes('timeline'))
    .join('\n');
  return {
    bytes,
    outageMs: resumed - destroyed,
    relay: relayFound,
    takenBack: 0,
    ...(await judged(ground, { told, destroyed, reborn, findings: halted })),
  };
}
