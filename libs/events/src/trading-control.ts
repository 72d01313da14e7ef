import { event } from './event.ts';
import type { TextRef } from './texts.ts';

/** The scope of a kill switch or limits: an account's id, or all accounts. */
export type ControlScope = 'all' | (string & {});

/** New orders are refused from now on; nothing is cancelled. The metadata says who did it. */
export class TradingHalted extends event('TradingHalted', 1)<{ readonly scope: ControlScope; readonly reason: TextRef }> {}

/** New orders are accepted again. */
export class TradingResumed extends event('TradingResumed', 1)<{ readonly scope: ControlScope; readonly reason: TextRef }> {}

/** Limits on a single order; an absent limit is not set by this scope. Money and shares are canonical decimals. */
export interface RiskLimits {
  readonly maxOrderValue?: string;
  readonly maxOrderQuantity?: string;
  /** How far a limit price may be from the last price on the losing side, in percent: `10`. */
  readonly priceCollarPercent?: string;
}

/** All limits of a scope: they replace the previous ones. */
export class RiskLimitsSet extends event('RiskLimitsSet', 1)<RiskLimits & { readonly scope: ControlScope }> {}

/** Every event of a TradingControl. */
export type TradingControlEvent = TradingHalted | TradingResumed | RiskLimitsSet;
