import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of a process in milliseconds, in steps of 10. */
export function cpuTime(pid: number): number {
  const fields = statOf(pid);
  return fields.length === 0 ? 0 : (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory in MB. */
export function weight(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1] ?? Number.NaN) / 1000);
}

/**
 * CPU time of the servers in milliseconds: PostgreSQL with all its backends, including ended ones; Kafka and Redis if
 * they run on this machine.
 */
export async function serverCpuTimes(database: {
  query(sql: string): Promise<{ rows: unknown[] }>;
}): Promise<Record<string, number>> {
  const [row] = (await database.query('select pg_backend_pid() as pid')).rows as { pid: number }[];
  const postmaster = parentOf(row?.pid ?? 0);
  const backends = processIds().filter((pid) => parentOf(pid) === postmaster);
  const postgres = [postmaster, ...backends].reduce((sum, pid) => sum + cpuTime(pid), endedChildrenTime(postmaster));
  const others = (pattern: RegExp) => processIds().filter((pid) => pattern.test(commandOf(pid)));
  const sum = (pids: readonly number[]) => pids.reduce((total, pid) => total + cpuTime(pid), 0);
  return { postgres, kafka: sum(others(/^\S*java\b.*kafka/i)), redis: sum(others(/redis-server/)) };
}

const processIds = (): number[] => readdirSync('/proc').map(Number).filter(Number.isInteger);

const statOf = (pid: number): string[] => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  } catch {
    return []; // it has ended meanwhile
  }
};

const parentOf = (pid: number): number => Number(statOf(pid)[1]);
const endedChildrenTime = (pid: number): number => (Number(statOf(pid)[13]) + Number(statOf(pid)[14])) * 10;

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
};
