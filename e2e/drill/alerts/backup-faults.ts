import { readFileSync } from 'node:fs';
import { endedBySignal } from '@tradecore/local/runner/interruption.ts';
import type { Fault } from './fault.ts';

/** pg_receivewal, which the follower runs. */
function receiverOf(follower: number): number {
  const [pid = ''] = readFileSync(`/proc/${follower}/task/${follower}/children`, 'utf8').split(' ');
  return Number(pid);
}

/** The backup. In this order: the first begins it, the last one ends it. */
export const backupFaults: readonly Fault[] = [
  {
    fault: 'a backup begins, and nobody tries a restore',
    alerts: ['RestoreNotTested'],
    inject: async ({ follower, postgres }) => {
      await follower.start();
      return () => follower.restore('--aside', '--into', postgres.folder('look'));
    },
  },
  {
    fault: 'what receives WAL hangs',
    alerts: ['BackupBehind'],
    inject: async (fleet) => {
      const receiver = receiverOf(fleet.follower.pid);
      process.kill(receiver, 'SIGSTOP');
      const kill = endedBySignal(() => Promise.resolve(process.kill(receiver, 'SIGKILL'))); // the follower waits for it
      await fleet.order();
      return kill;
    },
  },
  {
    fault: 'the follower ends',
    alerts: ['BackupAway'],
    inject: async ({ follower }) => {
      await follower.stop();
      return () => follower.start();
    },
  },
  {
    fault: 'the slot is dropped while the follower is away',
    alerts: ['BackupSlotLost'],
    lasting: ['BackupSlotLost'],
    inject: async (fleet) => {
      await fleet.follower.stop();
      await fleet.sql(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_type = 'physical'`);
      await fleet.follower.start();
      return () => fleet.tradecore('status');
    },
  },
];
