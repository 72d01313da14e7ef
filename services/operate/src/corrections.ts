import { isUuid } from '@tradecore/events';
import type { Fleet } from './fleet.ts';
import { operation } from './operations.ts';
import type { Report, Row } from './output.ts';
import { WrongUsage, type Plan, type Shell, type Typed } from './shell.ts';

const listLimit = 200;

const proposals = `
  select c.correction_id::text as id, c.kind, c.owner, c.target::text as target, f.check_name || ' ' || f.kind || ' ' || f.subject as finding,
         c.proposed_at::text as "proposed at", h."timestamp"::text as "applied at", f.closed_at::text as "finding closed at"
    from reconciler.corrections c join reconciler.findings f using (finding_id) left join stream_heads h on h.aggregate_id = c.correction_id`;

/** `corrections ...` */
export function correctionsCommands(shell: Shell): void {
  const corrections = shell.group('corrections', 'what would help with findings: the owner of something looks at it again');
  const list = {
    usage: 'list',
    description: 'what the reconciler proposes; nothing is applied by itself',
    options: { '--all': 'what was applied, or is no longer needed, as well, the newest first' },
  };
  shell.report(corrections, list, (fleet, { options }) => correctionsReport(fleet, options['all'] === true));
  const apply = {
    usage: 'apply <id>',
    description:
      'asks the owner: a saga hears stored events again, the gateway asks the brokerage, a projector catches up. It moves no money itself',
  };
  shell.act(corrections, apply, planned);
}

/** What is proposed and not applied, of findings that are open; `all`: also what was. */
async function correctionsReport({ database }: Fleet, all = false): Promise<Report> {
  const rows = (await database.query(
    `${proposals} where $1 or (h.version is null and f.closed_at is null) order by c.proposed_at desc limit ${listLimit}`,
    [all],
  )) as unknown as Row[];
  return { rows, nothing: 'no correction is proposed' };
}

async function planned({ database }: Fleet, { args: [id = ''] }: Typed): Promise<Plan> {
  if (!isUuid(id)) throw new WrongUsage('name the correction by its id, as in tradecore corrections list');
  const rows = (await database.query(`${proposals} where c.correction_id = $1`, [id])) as unknown as Row[];
  return {
    name: id,
    shown: { rows, nothing: `no correction ${id} is proposed` },
    act: async (why) => ({ rows: [{ applied: await operation(database, 'apply_correction', id, why) }], nothing: '' }),
  };
}
