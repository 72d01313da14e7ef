import { BaseAggregate, DomainError } from '@tradecore/event-sourcing';
import {
  RiskLimitsSet,
  TradingHalted,
  TradingResumed,
  type ControlScope,
  type RiskLimits,
  type TextRef,
  type TradingControlEvent,
} from '@tradecore/events';
import { decimal, decimalRefusal, InvalidDecimal, isPositive } from '@tradecore/money';

const limitNames = ['maxOrderValue', 'maxOrderQuantity', 'priceCollarPercent'] as const satisfies readonly (keyof RiskLimits)[];

/** The kill switch and the limits of one scope: one account or all. It refuses new orders; it cancels nothing. */
export class TradingControl extends BaseAggregate<TradingControlEvent> {
  static readonly type = 'TradingControl';

  #halted: TradingHalted['data'] | undefined;
  #limits: RiskLimits = {};

  /** Refuses new orders from now on; no event if they are already refused. */
  halt(scope: ControlScope, reason: TextRef): void {
    if (!this.#halted) this.apply(new TradingHalted({ scope, reason }));
  }

  /** Accepts new orders again; no event if they are already accepted. */
  resume(scope: ControlScope, reason: TextRef): void {
    if (this.#halted) this.apply(new TradingResumed({ scope, reason }));
  }

  /** Replaces all limits of the scope; no event if they are the same. Throws `InvalidLimits`. */
  setLimits(scope: ControlScope, limits: RiskLimits): void {
    const canonical = canonicalLimits(limits);
    if (limitNames.some((name) => canonical[name] !== this.#limits[name])) this.apply(new RiskLimitsSet({ scope, ...canonical }));
  }

  /** New orders are refused. */
  get isHalted(): boolean {
    return this.#halted !== undefined;
  }

  /** Scope and reason of the halt; its time is in the event. Undefined while orders are accepted. */
  get halted(): TradingHalted['data'] | undefined {
    return this.#halted;
  }

  /** The limits of this scope. */
  get limits(): RiskLimits {
    return this.#limits;
  }

  onTradingHalted({ data }: TradingHalted): void {
    this.#halted = data;
  }

  onTradingResumed(_: TradingResumed): void {
    this.#halted = undefined;
  }

  onRiskLimitsSet({ data: { scope: _, ...limits } }: RiskLimitsSet): void {
    this.#limits = limits;
  }
}

/** A limit is not a positive decimal; `details.errors` points at each. */
export class InvalidLimits extends DomainError {
  readonly code = 'invalid-limits';
  readonly kind = 'invalid';
  constructor(faults: readonly { readonly field: string; readonly code: string; readonly detail: string }[]) {
    super(`${faults.length === 1 ? 'A limit is' : 'Limits are'} invalid.`, {
      errors: faults.map(({ field, code, detail }) => ({ pointer: `#/${field}`, code, detail })),
    });
  }
}

function canonicalLimits(limits: RiskLimits): RiskLimits {
  const given = limitNames.flatMap((field) => {
    const text = limits[field];
    return text === undefined ? [] : [{ field, text }];
  });
  const faults = given.flatMap(({ field, text }) => {
    const code = decimalRefusal(text);
    if (code) return [{ field, code, detail: new InvalidDecimal(code).message }];
    return isPositive(decimal(text)) ? [] : [{ field, code: 'not-positive', detail: 'must be greater than zero' }];
  });
  if (faults.length > 0) throw new InvalidLimits(faults);
  return Object.fromEntries(given.map(({ field, text }) => [field, decimal(text)]));
}
