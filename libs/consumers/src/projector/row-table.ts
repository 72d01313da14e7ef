import type { Transaction } from '@tradecore/event-sourcing';

/** A column as the catalog describes it, and how its value is read. */
interface Column {
  readonly name: string;
  readonly property: string;
  readonly type: string;
  /** SQL that reads it in the form that folds write. */
  readonly read: string;
}

const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Exact and canonical: a fold gets back what it wrote. Drivers would round numerics and truncate microseconds. */
function readAs(name: string, type: string): string {
  const column = `t."${name}"`;
  if (type.startsWith('numeric')) return `trim_scale(${column})::text`;
  if (type === 'bigint' || type === 'date') return `${column}::text`;
  if (type.startsWith('timestamp')) return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  return column;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * A table that folds fill: its columns are read from the catalog once. Columns with a default belong to the database.
 */
export class RowTable {
  private readonly properties: ReadonlySet<string>;

  private constructor(
    /** Schema and name, quoted. */
    readonly name: string,
    private readonly columns: readonly Column[],
    /** The primary key when it is one column. */
    private readonly keyColumn: Column | undefined,
  ) {
    this.properties = new Set(columns.map(({ property }) => property));
  }

  /** Reads the columns. Throws when the table does not exist. */
  static async open(connection: Transaction, schema: string, table: string): Promise<RowTable> {
    const name = `"${schema}"."${table}"`;
    const found = (await connection.query(
      `select a.attname as name, format_type(a.atttypid, null) as type, coalesce(a.attnum = any(i.indkey), false) as in_key
         from pg_attribute a
         left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
        where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and not a.atthasdef and a.attidentity = ''
        order by a.attnum`,
      [name],
    )) as { name: string; type: string; in_key: boolean }[];
    const columns = found.map(({ name: column, type }) => ({
      name: column,
      property: camelCase(column),
      type,
      read: readAs(column, type),
    }));
    const keys = columns.filter((_, n) => found[n]?.in_key);
    return new RowTable(name, columns, keys.length === 1 ? keys[0] : undefined);
  }

  /** Whether a row with this key can exist: PostgreSQL would refuse, say, a non-UUID as a UUID. */
  hasKey(key: string): boolean {
    return this.key.type === 'uuid' ? uuid.test(key) : !key.includes('\0');
  }

  /** The rows with these keys. */
  async load(tx: Transaction, keys: readonly string[]): Promise<Map<string, object>> {
    const { name, type } = this.key;
    const sql = `select ${this.shape()} from ${this.name} t where t."${name}" = any($1::${type}[])`;
    return this.rowsOf((await tx.query(sql, [keys])) as Record<string, unknown>[]);
  }

  /** The rows that `load`, `upsert` and `update` return, by key. */
  rowsOf(rows: readonly Record<string, unknown>[]): Map<string, object> {
    return new Map(rows.map(({ '#key': key, '#xmin': _, ...row }) => [String(key), withoutNulls(row)]));
  }

  /** The transactions that wrote them, by key: what `update` compares. */
  writersOf(rows: readonly Record<string, unknown>[]): Map<string, string> {
    return new Map(rows.map(({ '#key': key, '#xmin': xmin }) => [String(key), String(xmin)]));
  }

  private shape(): string {
    const list = this.columns.map(({ read, property }) => `${read} as "${property}"`);
    return [`t."${this.key.name}"::text as "#key"`, 't.xmin::text as "#xmin"', ...list].join(', ');
  }

  /** SQL that upserts the rows of parameter `$n` (a JSON array), in key order; returns them as `load` does. */
  upsert(parameter: number): string {
    const set = this.rest.map(({ name }) => `"${name}" = excluded."${name}"`).join(', ');
    return `${this.insertFrom(parameter)} order by "${this.key.property}"
      on conflict ("${this.key.name}") do ${set === '' ? 'nothing' : `update set ${set}`}
      returning ${this.shape()}`;
  }

  /**
   * SQL that updates the rows of parameter `$n` (a JSON array), whose keys are the next one, once `locked` is true: each
   * only if the transaction `#xmin` was the last to write it. Returns them as `load` does.
   */
  update(parameter: number, locked: string): string {
    const { name: key, property, type } = this.key;
    const set = this.rest.map((column) => `"${column.name}" = r."${column.property}"`).join(', ');
    return `update ${this.name} t set ${set} from json_to_recordset($${parameter}::json) as r (${this.types()}, "#xmin" xid)
      where ${locked} and t."${key}" = any($${parameter + 1}::${type}[]) and t."${key}" = r."${property}" and t.xmin = r."#xmin"
      returning ${this.shape()}`;
  }

  /** SQL that adds the lines of parameter `$n` (a JSON array), in order. */
  append(parameter: number): string {
    return `${this.insertFrom(parameter)} order by ordinality`;
  }

  /** A row ready for `upsert`, with its key. Throws `TypeError` for a property without a column, or for another key. */
  withKey(row: object, key: string): object {
    const { property } = this.key;
    const own: unknown = Reflect.get(row, property);
    if (own !== undefined && String(own) !== key)
      throw new TypeError(`a row of ${this.name} has ${property} ${String(own)} under key ${key}`);
    return { ...this.checked(row), [property]: key };
  }

  /** The line unchanged. Throws `TypeError` for a property without a column: the fold and the table do not match. */
  checked(row: object): object {
    const strange = Object.keys(row).find((property) => !this.properties.has(property));
    if (strange !== undefined) throw new TypeError(`${this.name} has no column for "${strange}" (or one with a default)`);
    return row;
  }

  private get key(): Column {
    if (!this.keyColumn) throw new TypeError(`${this.name} needs a primary key of one column without a default`);
    return this.keyColumn;
  }

  /**
   * json, not jsonb: it is read once (12 us a row of 15 columns against 15; unnest of 15 arrays is as fast, and costs
   * Node 5 us more).
   */
  private insertFrom(parameter: number): string {
    const names = this.columns.map(({ name }) => `"${name}"`).join(', ');
    const values = this.columns.map(({ property }) => `"${property}"`).join(', ');
    return `insert into ${this.name} as t (${names})
      select ${values} from rows from (json_to_recordset($${parameter}::json) as (${this.types()})) with ordinality as r`;
  }

  private types(): string {
    return this.columns.map(({ property, type }) => `"${property}" ${type}`).join(', ');
  }

  private get rest(): readonly Column[] {
    return this.columns.filter((column) => column !== this.key);
  }
}

/** A row as folds know it: a column that is null is a member that is absent. */
export const withoutNulls = (row: object): object =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));

/**
 * Rows that do not exist yet cannot be locked, so the keys of shared rows are locked by advisory locks, folded to this
 * many: six partitions' batches of 500 keys would otherwise fill PostgreSQL's lock table (64 x max_connections
 * entries). To change it, stop all instances first.
 */
const slots = 128;

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value;
}

/** SQL that locks the slots of parameters `$n` and the next until the transaction ends. */
export const lockingSlots = (parameter: number): string =>
  `select pg_advisory_xact_lock($${parameter}, slot) from unnest($${parameter + 1}::int[]) as slot`;

/** Its parameters for these keys: always in the same order, so that two batches never deadlock. */
export const slotsOf = (schema: string, keys: Iterable<string>): [schema: number, slots: number[]] => [
  hash(schema),
  [...new Set([...keys].map((key) => (hash(key) >>> 0) % slots))].sort((a, b) => a - b),
];
