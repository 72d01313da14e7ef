import type { Transaction } from '../store/sql-event-store.ts';

/**
 * One schema as the catalogs list it, one sorted line per object, to compare with a golden listing. The roles' `prefix`
 * becomes `*`.
 */
export async function describeSchema(database: Transaction, schema: string, prefix: string): Promise<string> {
  const lines: string[] = [];
  for (const sql of listings) {
    const rows = (await database.query(sql, [schema])) as { line: string }[];
    lines.push(...rows.map(({ line }) => line));
  }
  return `${lines.map((line) => line.replaceAll(`${prefix}_`, '*_')).join('\n')}\n`;
}

const own = 'n.nspname = $1';

const listings: readonly string[] = [
  `select format('column %s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then ' not null' else '' end, ' default ' || pg_get_expr(d.adbin, d.adrelid)) as line
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where ${own} and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum`,
  `select format('storage %s %s', c.relname, array_to_string(c.reloptions, ', ')) as line
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${own} and c.reloptions is not null order by 1`,
  `select 'index ' || pg_get_indexdef(i.indexrelid) as line
     from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace where ${own} order by 1`,
  `select format('constraint %s %s', c.relname, pg_get_constraintdef(k.oid)) as line
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace where ${own} order by 1`,
  `select 'trigger ' || pg_get_triggerdef(t.oid) as line
     from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where ${own} and not t.tgisinternal order by 1`,
  `select format('function %s(%s) returns %s%s%s', p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
            case when p.prosecdef then ' security definer' else '' end, ' set ' || array_to_string(p.proconfig, ', ')) as line
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${own} order by 1`,
  `select format('grant %s on %s to %s', string_agg(g.privilege_type, ', ' order by g.privilege_type), c.relname,
            coalesce(g.grantee::regrole::text, 'public')) as line
     from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join aclexplode(c.relacl) g
    where ${own} and g.grantee <> c.relowner group by c.relname, g.grantee order by 1`,
  `select format('grant execute on %s to %s', p.proname, case when g.grantee = 0 then 'public' else g.grantee::regrole::text end) as line
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
    where ${own} and g.grantee <> p.proowner order by 1`,
];
