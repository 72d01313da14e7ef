import { event } from './event.ts';

/** What a kill switch or limits hold for: an account's id, or all accounts. */
export type ControlScope = 'all' | (string & {});

/** New orders are refused from now on; nothing is cancelled. Who did it stands in the metadata. */
export class TradingHalted extends event('TradingHalted', 1)<{ readonly scope: ControlScope; readonly reason: string }> {}

/** New orders are taken again. */
export class TradingResumed extends event('TradingResumed', 1)<{ readonly scope: ControlScope; readonly reason: string }> {}

/** Limits of one order; what is absent is not limited by this scope. Money and shares are canonical decimals. */
export interface RiskLimits {
  readonly maxOrderValue?: string;
  readonly maxOrderQuantity?: string;
  /** How far a limit price may be from the last price on the losing side, in percent: `10`. */
  readonly priceCollarPercent?: string;
}

/** The limits of a scope, all of them: they replace those before. */
export class RiskLimitsSet extends event('RiskLimitsSet', 1)<RiskLimits & { readonly scope: ControlScope }> {}

/** Every event of a TradingControl. */
export type TradingControlEvent = TradingHalted | TradingResumed | RiskLimitsSet;
