import { setTimeout as delay } from 'node:timers/promises';

/** The result of a check: whether this process may get work as far as the check is concerned, and briefly why. */
export interface CheckResult {
  readonly ok: boolean;
  readonly state: string;
}

/** One part of readiness. */
export interface Check {
  /** In kebab-case: `schema`, `relay`, `assignment`. */
  readonly name: string;
  /** Answers within a second; a throw or silence counts as not ok. */
  check(): CheckResult | Promise<CheckResult>;
}

/** A check as `/health/ready` shows it. */
export interface CheckReport extends CheckResult {
  readonly name: string;
  /** RFC 3339: since when it has been ok, or not. */
  readonly since: string;
}

/** What `/health/ready` answers: 200 when ready, else 503. */
export interface ReadinessReport {
  readonly ready: boolean;
  readonly draining: boolean;
  /** Present until everything has started: until then a failing check may not have been added yet. */
  readonly starting?: true;
  readonly checks: readonly CheckReport[];
}

const answerLimit = 1000;

async function answerOf({ check }: Check): Promise<CheckResult> {
  const silence = { ok: false, state: `no answer within ${answerLimit} ms` };
  try {
    return await Promise.race([check(), delay(answerLimit, silence, { ref: false })]);
  } catch (error) {
    return { ok: false, state: error instanceof Error ? error.message : String(error) };
  }
}

/** The readiness of a process: the checks that its parts add, and whether it is draining. */
export class Health {
  readonly #checks = new Map<string, Check>();
  readonly #seen = new Map<string, { ok: boolean; since: string }>();
  #draining = false;
  #starting = false;

  /** Adds a check; a second one with the same name is a bug. */
  add(check: Check): void {
    if (this.#checks.has(check.name)) throw new Error(`readiness already has a check ${check.name}`);
    this.#checks.set(check.name, check);
  }

  /** Not ready until the returned function is called: the process is starting, perhaps waiting for its schema. */
  starting(): () => void {
    this.#starting = true;
    return () => void (this.#starting = false);
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Not ready from now on: the process is stopping. */
  drain(): void {
    this.#draining = true;
  }

  /** Runs every check. */
  async report(): Promise<ReadinessReport> {
    const checks = await Promise.all([...this.#checks.values()].map((each) => this.#reportOf(each)));
    const ready = !this.#starting && !this.#draining && checks.every(({ ok }) => ok);
    return { ready, draining: this.#draining, ...(this.#starting && { starting: true as const }), checks };
  }

  async #reportOf(check: Check): Promise<CheckReport> {
    const { ok, state } = await answerOf(check);
    const before = this.#seen.get(check.name);
    const since = before?.ok === ok ? before.since : new Date().toISOString();
    this.#seen.set(check.name, { ok, since });
    return { name: check.name, ok, state, since };
  }
}
