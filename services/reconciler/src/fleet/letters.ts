import { topics } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { fleetGauges } from './fleet.metrics.ts';

const topic = topics.deadLetters.name;
/** Letters that are counted: what waits beyond them changes nothing. */
const lettersLimit = 100_000;

/** The dead letters that wait: of each key the last record counts, and one without a value takes the letter away. */
export class Letters {
  readonly #waiting = new Set<string>();
  readonly #offsets = new Map<number, bigint>();

  constructor(private readonly kafka: Pick<KafkaClient, 'startOffsets' | 'endOffsets' | 'readStretch'>) {}

  /** Reads on from where it stands, and shows how many wait in each of these groups and in any other. */
  async show(groups: readonly string[]): Promise<void> {
    const [starts, ends] = [await this.kafka.startOffsets(topic), await this.kafka.endOffsets(topic)];
    for (const [partition, to] of ends) {
      const [start, stood] = [starts.get(partition) ?? 0n, this.#offsets.get(partition) ?? 0n];
      const from = stood > start ? stood : start;
      if (from < to)
        await this.kafka.readStretch({ topic, partition }, { from, to }, (records) =>
          records.forEach((each) => this.#take(String(each.key), each.value)),
        );
      this.#offsets.set(partition, to);
    }
    const waiting = Map.groupBy(this.#waiting, (key) => key.split('/', 1)[0] ?? '');
    for (const group of new Set([...groups, ...waiting.keys()]))
      fleetGauges.deadLetters.set({ group }, waiting.get(group)?.length ?? 0);
  }

  #take(key: string, value: Buffer | null): void {
    if (value === null) this.#waiting.delete(key);
    else if (this.#waiting.size < lettersLimit) this.#waiting.add(key);
  }
}
