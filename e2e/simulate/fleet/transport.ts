import type { RecordedEvent } from '@tradecore/events';
import type { Clock } from '../clock.ts';
import type { Chance } from '../chance.ts';

/** What a consumer takes of the topics, and what it does with a record. It may get the same record again. */
export interface Consumer {
  readonly name: string;
  readonly takes: (event: RecordedEvent) => boolean;
  readonly keyOf: (event: RecordedEvent) => string;
  /** Answers after how many milliseconds the record is done, where that is not at once: what has the same key waits for so long. */
  readonly handle: (event: RecordedEvent) => number | undefined;
}

/** How the topics behave: milliseconds, and shares of records. */
export interface TransportFaults {
  readonly slowest: number;
  /** How many records come again, as after a restart before the offset was stored. */
  readonly repeated: number;
  /** How many records can't be read and come only when they are redriven, at most so much later. */
  readonly parked: number;
  readonly redriven: number;
  /** How often a consumer is away, a second, and how long at most; one time in twenty it is away for so long that steps are asked again. */
  readonly outages: number;
  readonly outage: number;
  readonly longOutage: number;
}

/**
 * Topics in memory: what has the same key arrives in order, all else in any; records are late, and come twice; consumers go away and come
 * back. Nothing is lost, for that is what the relay, the offsets and redriving promise.
 */
export class Transport {
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #members: Member[] = [];
  #faults: TransportFaults;

  constructor(clock: Clock, chance: Chance, faults: TransportFaults) {
    this.#clock = clock;
    this.#chance = chance;
    this.#faults = faults;
  }

  /** Behaves so from now on. */
  set faults(faults: TransportFaults) {
    this.#faults = faults;
  }

  /** Delivers to this consumer from now on. */
  attach(consumer: Consumer): void {
    this.#members.push({ consumer, waiting: new Map(), busy: new Map(), awayUntil: 0 });
  }

  /** Takes consumers away now and then, until `isOver`. */
  breakNow(isOver: () => boolean): void {
    const { outages, outage, longOutage } = this.#faults;
    if (outages === 0) return;
    const next = () => {
      if (isOver()) return;
      this.#chance.pick(this.#members).awayUntil =
        this.#clock.now + this.#chance.whole(1, this.#chance.happens(0.05) ? longOutage : outage);
      this.#clock.in(this.#chance.whole(1, Math.ceil(2000 / outages)), next);
    };
    next();
  }

  /** Hands a stored event to whoever takes it, later. */
  publish(event: RecordedEvent): void {
    for (const member of this.#members) if (member.consumer.takes(event)) this.#send(member, event);
  }

  /** Hands a stored event to the consumer of this name once more, as when it begins again. */
  repeat(name: string, event: RecordedEvent): void {
    for (const member of this.#members)
      if (member.consumer.name === name && member.consumer.takes(event)) this.#queue(member, event);
  }

  #send(member: Member, event: RecordedEvent): void {
    const { slowest, repeated, parked, redriven } = this.#faults;
    if (this.#chance.happens(parked)) {
      return this.#clock.in(this.#chance.whole(slowest, redriven), () => this.#queue(member, event));
    }
    this.#queue(member, event);
    if (this.#chance.happens(repeated)) {
      this.#clock.in(this.#chance.whole(slowest, 3 * slowest), () => this.#queue(member, event));
    }
  }

  #queue(member: Member, event: RecordedEvent): void {
    const key = member.consumer.keyOf(event);
    const before = member.waiting.get(key);
    if (before) before.push(event);
    else member.waiting.set(key, [event]);
    this.#clock.in(this.#chance.whole(1, this.#faults.slowest), () => this.#deliver(member, key));
  }

  /** Hands over what has waited longest under this key: as many calls as records, so that each is handed over. */
  #deliver(member: Member, key: string): void {
    const until = Math.max(member.awayUntil, member.busy.get(key) ?? 0);
    if (until > this.#clock.now) return this.#clock.at(until, () => this.#deliver(member, key));
    const waiting = member.waiting.get(key);
    const event = waiting?.shift();
    if (!waiting || !event) throw new Error(`${member.consumer.name} was promised a record of ${key}`);
    if (waiting.length === 0) member.waiting.delete(key);
    const busy = member.consumer.handle(event);
    if (busy !== undefined) member.busy.set(key, this.#clock.now + busy);
    else if (member.busy.size > 0) member.busy.delete(key);
  }
}

interface Member {
  readonly consumer: Consumer;
  /** Records by key, in their order. */
  readonly waiting: Map<string, RecordedEvent[]>;
  /** Until when a key's last record is not done. */
  readonly busy: Map<string, number>;
  awayUntil: number;
}
