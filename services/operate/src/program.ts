import { ConfigFaults } from '@tradecore/service/config';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { consumersReport } from './consumers.ts';
import { doctorReport } from './doctor.ts';
import { openFleet, type Fleet } from './fleet.ts';
import { orderReport, stuckReport, unknownReport } from './orders.ts';
import { printed, type Report, type Say } from './output.ts';
import { parkedReport } from './parked.ts';
import { relayReport } from './relay.ts';
import { verify, type VerifyOptions } from './verify.ts';

export { openFleet };

/** What the command works with beside its arguments. */
export interface Around {
  readonly say: Say;
  /** The fleet; by the settings of the environment when absent. */
  readonly open?: () => Promise<Fleet>;
}

/**
 * Runs `tradecore` with these arguments; returns the exit code: 0 well, 1 something was found, 2 it could not be judged, 64 wrong usage (EX_USAGE),
 * 69 a server is away (EX_UNAVAILABLE), 78 wrong settings (EX_CONFIG).
 */
export async function program(args: readonly string[], { say, open = openFleet }: Around): Promise<number> {
  let code = 0;
  const withFleet = async (work: (fleet: Fleet) => Promise<number>): Promise<void> => {
    const fleet = await open();
    code = await work(fleet).finally(() => fleet.close());
  };
  const root = new Command('tradecore').description('Looks after a TradeCore fleet.').exitOverride();
  root.configureOutput({ writeOut: (text) => say(text.trimEnd()), writeErr: (text) => say(text.trimEnd()) });
  const report = (
    parent: Command,
    usage: string,
    description: string,
    ask: (fleet: Fleet, id: string) => Promise<Report>,
  ): void => {
    parent
      .command(usage)
      .description(description)
      .option('--json', 'for scripts')
      .action((...given: unknown[]) => {
        const [options, id] = typeof given[0] === 'string' ? [given[1], given[0]] : [given[0], ''];
        return withFleet(async (fleet) => {
          const answer = await ask(fleet, id);
          say(printed(answer, (options as { json?: boolean }).json ?? false));
          return answer.code ?? 0;
        });
      });
  };
  const group = (name: string, description: string): Command => root.command(name).description(description).exitOverride();

  report(root, 'doctor', 'what to know now, worst first, each with its runbook', doctorReport);
  report(group('relay', 'the outbox relay'), 'status', 'who relays, what waits, why it is halted', relayReport);
  report(group('consumers', 'processes and intakes'), 'list', 'state, lag, parked', (fleet) =>
    consumersReport(fleet, 'consumer'),
  );
  report(group('projections', 'read models'), 'list', 'state, lag, parked', (fleet) => consumersReport(fleet, 'projection'));
  report(group('parked', 'what waits for an operator'), 'list', 'where, what, since when and why', parkedReport);
  const orders = group('orders', 'single orders');
  report(orders, 'show <order>', 'every stored event of an order, its placement and its broker orders', orderReport);
  report(orders, 'stuck', 'orders whose saga waits for an operator', stuckReport);
  report(orders, 'unknown', 'orders whose outcome at the brokerage is not known', unknownReport);
  root
    .command('verify')
    .description('holds store, topics and read models against each other; exit code 0 agree, 1 findings, 2 could not judge')
    .option('--tamper', 'the hash chains of the whole store as well')
    .option('--patience <seconds>', 'how long read models may lag behind before they are judged', secondsOf, 60)
    .option('--json', 'for scripts')
    .action((options: VerifyOptions) => withFleet((fleet) => verify(fleet, say, options)));

  try {
    await root.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64;
    if (error instanceof ConfigFaults) return refuse(say, error.message, 78);
    return refuse(
      say,
      `${(error as Error).message || String(error)}\nIs the fleet up, and are DATABASE_URL and KAFKA_BROKERS right?`,
      69,
    );
  }
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= 3600)) throw new InvalidArgumentError('it is a number of seconds, at most 3600');
  return seconds;
}

function refuse(say: Say, why: string, code: number): number {
  say(why);
  return code;
}
