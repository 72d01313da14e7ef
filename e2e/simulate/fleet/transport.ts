import type { RecordedEvent } from '@tradecore/events';
import type { Clock } from '../clock.ts';
import type { Chance } from '../chance.ts';

/** A consumer: the records that it takes, and how it handles one. It may get the same record again. */
export interface Consumer {
  readonly name: string;
  readonly takes: (event: RecordedEvent) => boolean;
  readonly keyOf: (event: RecordedEvent) => string;
  /** Returns the milliseconds until the record is handled, if not at once: records with the same key wait. */
  readonly handle: (event: RecordedEvent) => number | undefined;
}

/** Behaviour of the topics: milliseconds, and shares of records. */
export interface TransportFaults {
  readonly slowest: number;
  /** Share of records delivered again, as after a restart before the offset was stored. */
  readonly repeated: number;
  /** Share of records that can't be read and arrive only when redriven, and the maximum delay. */
  readonly parked: number;
  readonly redriven: number;
  /**
   * Rate per second at which a consumer goes down, and its maximum downtime; one time in twenty it is down so long that
   * steps are sent again.
   */
  readonly outages: number;
  readonly outage: number;
  readonly longOutage: number;
}

/**
 * In-memory topics: records with the same key arrive in order, others in any order; records are late, and repeated;
 * consumers go down and return. Nothing is lost, because relay, offsets and redriving promise that.
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

  /** Sets the behaviour from now on. */
  set faults(faults: TransportFaults) {
    this.#faults = faults;
  }

  /** Delivers to this consumer from now on. */
  attach(consumer: Consumer): void {
    this.#members.push({ consumer, waiting: new Map(), busy: new Map(), awayUntil: 0 });
  }

  /** Takes consumers down at times, until `isOver`. */
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

  /** Delivers a stored event later to its consumers. */
  publish(event: RecordedEvent): void {
    for (const member of this.#members) if (member.consumer.takes(event)) this.#send(member, event);
  }

  /** Delivers a stored event to this consumer once more, as when it starts over. */
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

  /** Delivers the oldest waiting record of this key: there are as many calls as records, so each is delivered. */
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
