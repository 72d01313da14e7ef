import { schemasOf, type Database, type Kind } from '@tradecore/checks';
import { noticesGroup } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { fleetGauges } from './fleet.metrics.ts';
import { Unread } from './unread.ts';

interface Offset {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
}

/** How each group of consumers stands, whether a process of it runs or not. */
export class Groups {
  readonly #unread: Unread;
  #ends = new Map<string, ReadonlyMap<number, bigint>>();

  constructor(
    private readonly database: Database,
    private readonly kafka: KafkaClient,
  ) {
    this.#unread = new Unread(kafka);
  }

  /** Shows them all; resolves with their names. `outboxAge`: what is not relayed yet no model shows. */
  async show(outboxAge: number): Promise<string[]> {
    this.#ends = new Map();
    const groups: string[] = [];
    for (const kind of ['consumer', 'projection'] as const) {
      for (const schema of await schemasOf(this.database, kind)) {
        const group = schema.replaceAll('_', '-');
        groups.push(group);
        await this.#standing(group, schema, kind);
        const unreadAge = await this.#lag(group, await this.#offsets(schema));
        if (kind === 'projection') fleetGauges.modelAge.set({ group }, Math.max(unreadAge, outboxAge));
      }
    }
    await this.#lag(noticesGroup.name, await this.#committed());
    return [...groups, noticesGroup.name];
  }

  async #standing(group: string, schema: string, kind: Kind): Promise<void> {
    const held = kind === 'consumer' ? `(select count(*) from ${schema}.parked_messages where reason is null)` : '0';
    const [row] = await this.database.query(
      `select stopped_reason is not null as halted, (select count(*)::int from ${schema}.parked) as parked, ${held}::int as held from ${schema}.${kind}`,
    );
    fleetGauges.halted.set({ group }, Number(row?.['halted'] ?? false));
    fleetGauges.parked.set({ group }, Number(row?.['parked'] ?? 0));
    fleetGauges.held.set({ group }, Number(row?.['held'] ?? 0));
  }

  async #offsets(schema: string): Promise<Offset[]> {
    const rows = await this.database.query(`select topic, partition, next_offset::text as next from ${schema}.offsets`);
    return rows.map(({ topic, partition, next }) => ({
      topic: String(topic),
      partition: Number(partition),
      next: BigInt(String(next)),
    }));
  }

  async #committed(): Promise<Offset[]> {
    const found = noticesGroup.topics.map(async (topic) =>
      [...(await this.kafka.committedOffsets(noticesGroup.name, topic))].map(([partition, next]) => ({ topic, partition, next })),
    );
    return (await Promise.all(found)).flat();
  }

  /** Resolves with the age of the oldest record that is not read, in seconds. */
  async #lag(group: string, offsets: readonly Offset[]): Promise<number> {
    let [records, oldest] = [0, 0];
    for (const { next, ...where } of offsets) {
      const end = (await this.#endsOf(where.topic)).get(where.partition) ?? 0n;
      records += Math.max(0, Number(end - next));
      oldest = Math.max(oldest, await this.#unread.age(where, next));
    }
    fleetGauges.lag.set({ group }, records);
    fleetGauges.unreadAge.set({ group }, oldest);
    return oldest;
  }

  async #endsOf(topic: string): Promise<ReadonlyMap<number, bigint>> {
    const known = this.#ends.get(topic);
    if (known) return known;
    const ends = await this.kafka.endOffsets(topic);
    for (const [partition, end] of ends) this.#unread.note({ topic, partition }, end);
    this.#ends.set(topic, ends);
    return ends;
  }
}
