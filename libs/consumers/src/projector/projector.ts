import type { EventClass, RecordedEvent } from '@tradecore/events';
import { schemaOf } from '../offsets/schema.ts';

/** The declaration of a projector. */
export interface ProjectorOptions {
  /**
   * Name of the consumer group, and of the projection in metrics, logs and readiness: kebab-case, `order-projector`.
   */
  readonly name: string;
  /** The topics whose events it folds, without namespace; every aggregate on them gets a checkpoint, folded or not. */
  readonly topics: readonly string[];
  /**
   * Starts at 1; raise it with each change after which the same events give other rows: a newer version rebuilds the
   * model, an older one leaves it alone. A golden history fails where rows change and this does not.
   */
  readonly version: number;
  /** The table of its rows, in `schema`. Its primary key is one column: the result of `key(event)`. */
  readonly table: string;
  /** The projector's own PostgreSQL schema; when absent, the name with `_` for `-`. One projector, one schema. */
  readonly schema?: string;
  /** The table that folds append to by returning `{ row, append: [...] }`; its rows never change. */
  readonly appends?: string;
  /**
   * Declares that several aggregates feed one row (`key(event)` is not the event's own aggregate): keys are then locked
   * first.
   */
  readonly shared?: boolean;
}

/**
 * A class with `@Projector` whose methods with `@On` are folds. Constructed without arguments: it has no dependencies.
 */
export type ProjectorClass<P extends object = object> = new () => P;

/**
 * The row that the folds of `P` take and return. Properties are the table's columns in camelCase; a null column is an
 * absent property; numeric and bigint are canonical strings; timestamps RFC 3339, UTC, microseconds, as
 * `RecordedEvent.time`.
 */
export type RowOf<P> = {
  [K in Exclude<keyof P, 'key'>]: P[K] extends (row: infer R, event: never) => unknown ? Exclude<R, undefined> : never;
}[Exclude<keyof P, 'key'>];

/** What a fold may return instead of the bare row: adds lines for the `appends` table of its projector. */
export interface Appending<Row extends object> {
  readonly row: Row;
  readonly append: readonly object[];
}

/** A projector with its folds, in the form that the runtime uses. */
export interface Declaration {
  readonly name: string;
  readonly topics: readonly string[];
  readonly version: number;
  readonly table: string;
  readonly schema: string;
  readonly appends: string | undefined;
  readonly shared: boolean;
  /** Whether it folds events of this type; others only move the checkpoint. */
  readonly handles: (type: string) => boolean;
  /** Folds one upcast event: the next row and the lines to append; `undefined` when the projector ignores the type. */
  readonly fold: (row: object | undefined, event: RecordedEvent) => Appending<object> | undefined;
  /** The key of the row that the event changes. */
  readonly key: (event: RecordedEvent) => string;
}

type Method = (row: object | undefined, event: RecordedEvent) => object;

const folds = new WeakMap<object, Map<string, string>>();
const declarations = new WeakMap<object, Declaration>();

/**
 * Declares that the method folds events of these classes: `onOrderPlaced(row: Row | undefined, event:
 * RecordedEvent<OrderPlaced>): Row`. A method that takes another event does not compile. The same event twice in one
 * class throws at load.
 */
export const On =
  <const C extends readonly EventClass[]>(...eventClasses: C) =>
  <M extends (row: never, event: RecordedEvent<InstanceType<C[number]>>) => object>(
    target: object,
    method: string,
    _: TypedPropertyDescriptor<M>,
  ): void => {
    const own = folds.get(target) ?? new Map<string, string>();
    for (const { type } of eventClasses) {
      if (own.has(type)) throw new TypeError(`${target.constructor.name} folds ${type} twice`);
      folds.set(target, own.set(type, method));
    }
  };

const identifier = /^[a-z][a-z0-9_]{0,62}$/;

/** Declares a projector: a class of pure folds from events to one row per key. See `ProjectorOptions`. */
export const Projector =
  (options: ProjectorOptions) =>
  <P extends object>(projector: ProjectorClass<P>): void => {
    const instance = new projector();
    const schema = options.schema ?? schemaOf(options.name);
    mustBeUsable(projector, { ...options, schema });
    const ownKey: unknown = Reflect.get(instance, 'key');
    if ((typeof ownKey === 'function') !== (options.shared ?? false)) {
      throw new TypeError(`${projector.name}: key(event) requires shared: true, and shared: true requires key(event)`);
    }
    const own = folds.get(projector.prototype as object) ?? new Map<string, string>();
    declarations.set(projector, {
      name: options.name,
      topics: options.topics,
      version: options.version,
      table: options.table,
      schema,
      appends: options.appends,
      shared: options.shared ?? false,
      handles: (type) => own.has(type),
      fold: (row, event) => foldWith(instance, own.get(event.type), row, event),
      key: typeof ownKey === 'function' ? (event) => String(ownKey.call(instance, event)) : (event) => event.aggregateId,
    });
  };

function mustBeUsable({ name }: ProjectorClass, { schema = '', table, appends = table, version }: ProjectorOptions): void {
  const strange = [schema, table, appends].find((each) => !identifier.test(each));
  if (strange !== undefined) throw new TypeError(`${name}: "${strange}" is not a valid name of a schema or table`);
  if (!Number.isInteger(version) || version < 1) throw new TypeError(`${name}: version must be an integer of at least 1`);
}

function foldWith(instance: object, method: string | undefined, row: object | undefined, event: RecordedEvent) {
  if (method === undefined) return undefined;
  const folded = (Reflect.get(instance, method) as Method).call(instance, row, event);
  if (typeof folded !== 'object' || folded === null) throw new TypeError(`${method} returned no row`);
  return 'append' in folded && 'row' in folded ? (folded as Appending<object>) : { row: folded, append: [] };
}

/** Whether the class carries `@Projector`. */
export const isProjector = (candidate: unknown): candidate is ProjectorClass =>
  typeof candidate === 'function' && declarations.has(candidate);

/** The declaration of a projector. Throws `TypeError` for a class without `@Projector`. */
export function declarationOf(projector: ProjectorClass): Declaration {
  const declaration = declarations.get(projector);
  if (!declaration) throw new TypeError(`${projector.name} has no @Projector`);
  return declaration;
}

/**
 * Folds events of one key, in order, starting from `row`: the same fold as the live projection, the rebuild and as-of
 * reads. Events must be upcast (as `EventStore` returns them). `undefined` when there was no row and nothing to fold.
 */
export function fold<P extends object>(
  projector: ProjectorClass<P>,
  events: Iterable<RecordedEvent>,
  row?: RowOf<P>,
): RowOf<P> | undefined {
  const declaration = declarationOf(projector);
  let current: object | undefined = row as object | undefined;
  for (const event of events) current = declaration.fold(current, event)?.row ?? current;
  return current as RowOf<P> | undefined;
}
