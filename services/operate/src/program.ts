import { SessionsShared } from '@tradecore/event-sourcing';
import { ConfigFaults } from '@tradecore/service/config';
import { CommanderError } from 'commander';
import { aclsCommands } from './acls.ts';
import { backupCommands } from './backup/commands.ts';
import { consumersCommands } from './readers/consumers.ts';
import { correctionsCommands } from './corrections.ts';
import { deadLetterCommands } from './letters/dead-letters.ts';
import { doctorCommands } from './health/doctor.ts';
import { findingsCommands } from './findings.ts';
import { openFleet } from './fleet.ts';
import { Refused } from './operations.ts';
import { killSwitchCommands } from './kill-switch.ts';
import { noticesCommands } from './readers/notices.ts';
import { orderCommands } from './orders.ts';
import { parkedCommands } from './readers/parked.ts';
import { rebuildCommands } from './readers/rebuild.ts';
import { relayCommands } from './relay/relay.ts';
import { resumeCommands } from './relay/resume.ts';
import { Shell, WrongUsage, type Around, type Commands } from './shell.ts';
import { statusCommands } from './health/status.ts';
import { verifyCommands } from './verify.ts';

export { openFleet };

/** Every group of commands, in the order in which the help lists them. */
const groups: readonly Commands[] = [
  statusCommands,
  doctorCommands,
  verifyCommands,
  findingsCommands,
  correctionsCommands,
  relayCommands,
  resumeCommands,
  consumersCommands,
  rebuildCommands,
  parkedCommands,
  deadLetterCommands,
  noticesCommands,
  orderCommands,
  killSwitchCommands,
  backupCommands,
  aclsCommands,
];

/**
 * Runs `tradecore` with these arguments; returns the exit code: 0 well, 1 something was found or refused, 2 it could not be judged, 64 wrong usage
 * (EX_USAGE), 69 a server is away (EX_UNAVAILABLE), 78 wrong settings (EX_CONFIG).
 */
export async function program(args: readonly string[], around: Partial<Around> & Pick<Around, 'say'>): Promise<number> {
  const { say } = around;
  const shell = new Shell({ open: openFleet, ...around });
  for (const commands of groups) commands(shell);
  try {
    await shell.root.parseAsync(args, { from: 'user' });
    return shell.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64;
    const [why, code] = refusalOf(error as Error);
    say(why);
    return code;
  }
}

function refusalOf(error: Error): [why: string, code: number] {
  if (error instanceof WrongUsage) return [error.message, 64];
  if (error instanceof Refused) return [error.message, 1];
  if (error instanceof ConfigFaults || error instanceof SessionsShared) return [error.message, 78];
  return [`${error.message || String(error)}\nIs the fleet up, and are DATABASE_URL and KAFKA_BROKERS right?`, 69];
}
