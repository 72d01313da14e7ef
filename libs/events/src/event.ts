/** A decided event, before it is stored: a name, the version of its shape, and the facts. */
export interface Event<Type extends string = string, Data extends object = object> {
  readonly type: Type;
  readonly schemaVersion: number;
  readonly data: Readonly<Data>;
}

/** The class of an event: its stored name and version are statics on it, never taken from `constructor.name`. */
export interface EventClass<E extends Event = Event> {
  readonly type: E['type'];
  readonly schemaVersion: number;
  new (data: never): E;
}

/** The events that each service may append. Several services may write the same type of event. */
export type Writers = Readonly<Record<string, readonly EventClass[]>>;

/** Every event in such lists. */
export type Written<W extends Writers> = InstanceType<W[keyof W][number]>;

/**
 * Creates the base of an event class: `class OrderPlaced extends event('OrderPlaced', 1)<OrderTerms> {}`.
 * `type` and `schemaVersion` are the storage format: a change of shape needs a new version and an upcast.
 */
export function event<const Type extends string>(type: Type, schemaVersion: number) {
  return class<Data extends object> implements Event<Type, Data> {
    static readonly type = type;
    static readonly schemaVersion = schemaVersion;
    readonly type = type;
    readonly schemaVersion = schemaVersion;
    constructor(readonly data: Readonly<Data>) {}
  };
}
