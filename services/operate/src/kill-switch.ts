import type { Fleet } from './fleet.ts';
import { Refused } from './operations.ts';
import type { Report, Row } from './output.ts';
import { WrongUsage, type Plan, type Shell, type Typed } from './shell.ts';

const answerMs = 15_000;

/** `kill-switch ...`: through the door, as any operator's request; the event that it stores says who, when and why. */
export function killSwitchCommands(shell: Shell): void {
  const group = shell.group('kill-switch', 'whether new orders are taken');
  const options = { '--token <token>': "an operator's access token; TOKEN when absent" };
  const on = { usage: 'on [scope]', description: 'denies new orders of all accounts, or of one; cancels nothing', options };
  shell.act(group, on, (fleet, typed) => planned(fleet, typed, 'halted'));
  const off = { usage: 'off [scope]', description: 'takes new orders again', options };
  shell.act(group, off, (fleet, typed) => planned(fleet, typed, 'resumed'));
  shell.report(
    group,
    { usage: 'show', description: 'every switch that was ever used: how it stands, since when, who and why' },
    switches,
  );
}

/** Exit code 1 when one denies orders. */
async function switches({ database }: Fleet): Promise<Report> {
  const rows = (await database.query(
    `select distinct on (aggregate_id) event_data->>'scope' as scope, case event_type when 'TradingHalted' then 'halted' else 'resumed' end as trading,
            "timestamp"::text as since, coalesce((select subject from people where person::text = metadata->>'actor'), metadata->>'actor') as by,
            (select text from texts where ref = (event_data->'reason'->>'ref')::uuid) as reason
       from event_store where aggregate_type = 'TradingControl' and event_type in ('TradingHalted', 'TradingResumed')
      order by aggregate_id, aggregate_version desc limit 1000`,
  )) as unknown as Row[];
  return { rows, nothing: 'no switch was ever used', code: rows.some(({ trading }) => trading === 'halted') ? 1 : 0 };
}

async function planned(fleet: Fleet, { args: [scope = 'all'], options }: Typed, trading: 'halted' | 'resumed'): Promise<Plan> {
  const { rows } = await switches(fleet);
  const row = rows.find((each) => each['scope'] === scope) ?? { scope, trading: 'resumed' };
  return {
    name: scope,
    shown: { rows: [{ ...row, 'trading then': trading }], nothing: '' },
    act: async (why) => {
      const { url, token } = fleet.door;
      if (url === undefined) throw new WrongUsage('DOOR_URL is not set: the address of the API');
      const bearer = options['token'] ?? token;
      if (typeof bearer !== 'string') throw new WrongUsage("--token or TOKEN is needed: an operator's access token");
      return { rows: [await post(`${url}/v1/admin/kill-switch`, bearer, { scope, trading, reason: why })], nothing: '' };
    },
  };
}

/** What the door answers. Throws `Refused` with its words. */
async function post(url: string, token: string, body: object): Promise<Row> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(answerMs),
  });
  const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (!response.ok)
    throw new Refused(`the door answers ${response.status}: ${String(answer['detail'] ?? answer['title'] ?? '')}`);
  const { scope, trading, reason = null, version } = answer as Record<string, string | number | null>;
  return { scope: scope ?? null, trading: trading ?? null, reason, version: version ?? null };
}
