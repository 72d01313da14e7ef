import { backupFaults } from './backup-faults.ts';
import { dataFaults, databaseFaults } from './data-faults.ts';
import type { Fault } from './fault.ts';
import { orderFaults } from './order-faults.ts';
import { processFaults } from './process-faults.ts';

/** Every fault that is injected, in order, into one fleet. */
export const faults: readonly Fault[] = [...processFaults, ...orderFaults, ...dataFaults, ...databaseFaults, ...backupFaults];

const exporter = 'needs the exporter of the server';
const kubernetes = 'needs Kubernetes';
const redpanda = 'needs Redpanda';

/** Alerts whose fault the local fleet can't have, and why: only promtool tests them. */
export const notDrilled: Readonly<Record<string, string>> = {
  Watchdog: 'fires always',
  VersionSkew: 'needs a second release',
  MigrationFailed: 'needs a second release',
  SaveConflicts: 'needs many writers of one aggregate for ten minutes',
  BackupTooOld: 'takes a day and a half',
  PostgresDown: exporter,
  PostgresConnections: exporter,
  PostgresLongTransaction: exporter,
  RedisDown: exporter,
  RedisMemory: exporter,
  RedpandaNodeDown: redpanda,
  RedpandaLeaderless: redpanda,
  RedpandaUnderReplicated: redpanda,
  RedpandaDisk: redpanda,
  VolumeFilling: kubernetes,
  VolumeFull: kubernetes,
};
