import { isUuid } from '@tradecore/events';
import type { Fleet } from './fleet.ts';
import { operation } from './operations.ts';
import type { Report, Row } from './output.ts';
import { WrongUsage, type Plan, type Shell, type Typed } from './shell.ts';

/** Rows of a list, at most. */
const listLimit = 200;

/** `findings ...` */
export function findingsCommands(shell: Shell): void {
  const findings = shell.group('findings', 'what the reconciler has found');
  const list = {
    usage: 'list',
    description: 'what is wrong: id, check, kind, subject, since when',
    options: { '--all': 'what is over or acknowledged as well, the newest first' },
  };
  shell.report(findings, list, (fleet, { options }) => findingsReport(fleet, options['all'] === true));
  const acknowledge = {
    usage: 'acknowledge <id>',
    description: 'this is known: it alarms no more, and stays in the list of all',
  };
  shell.act(findings, acknowledge, planned);
}

/** What is open and not acknowledged; `all`: also what was. Exit code 1 when something is open and not acknowledged. */
async function findingsReport({ database }: Fleet, all = false): Promise<Report> {
  const rows = (await database.query(
    `select finding_id::text as id, check_name as check, kind, subject, detail, first_seen::text as "first seen", last_seen::text as "last seen",
            closed_at::text as "closed at", acknowledged_by as "acknowledged by", acknowledged_why as why
       from reconciler.findings where $1 or (closed_at is null and acknowledged_at is null)
      order by first_seen desc limit ${listLimit}`,
    [all],
  )) as unknown as Row[];
  const isOpen = (row: Row): boolean => row['closed at'] === null && row['acknowledged by'] === null;
  return { rows, nothing: 'the reconciler finds nothing wrong', code: rows.some(isOpen) ? 1 : 0 };
}

async function planned(fleet: Fleet, { args: [id = ''] }: Typed): Promise<Plan> {
  if (!isUuid(id)) throw new WrongUsage('name the finding by its id, as in tradecore findings list');
  const rows = (await fleet.database.query(
    'select finding_id::text as id, check_name as check, kind, subject, detail from reconciler.findings where finding_id = $1',
    [id],
  )) as unknown as Row[];
  return {
    name: id,
    shown: { rows, nothing: `there is no finding ${id}` },
    act: async (why) => ({ rows: [{ acknowledged: await operation(fleet.database, 'acknowledge', id, why) }], nothing: '' }),
  };
}
