import { Inject, Injectable } from '@nestjs/common';
import { EventStore, retryOnConflict } from '@tradecore/event-sourcing';
import { tradingControlIdFor, WrittenText, type RiskLimits, type TradingHalted, type WithTexts } from '@tradecore/events';
import { counter, extendContext } from '@tradecore/telemetry';
import { AccountNotFound, TradingControl } from '@tradecore/trading';
import type { TagTest } from '@tradecore/api';
import { matchMissing, mustMatch } from '../if-match.ts';
import { AccountAccess } from '../account-access.ts';

const changes = counter({
  name: 'tradecore_trading_control_changes_total',
  help: 'Changes of kill switches and limits by operators, for one account or for all.',
  labels: { scope: ['all', 'account'] },
});

/** The controls of a scope as they now stand. */
export interface Controls {
  readonly control: TradingControl;
  readonly halted: WithTexts<TradingHalted['data']> | undefined;
}

/** Sets kill switches and limits. The stored event records who and why. */
@Injectable()
export class SetControls {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(AccountAccess) private readonly access: AccountAccess,
  ) {}

  /**
   * Refuses new orders of the scope in every process; cancels nothing. Returns when no order decided before it can
   * still be stored. Stores nothing if trading is already halted. Throws `AccountNotFound`.
   */
  halt(scope: string, reason: string): Promise<Controls> {
    const text = new WrittenText(reason);
    return this.#set(scope, (control) => control.halt(scope, text));
  }

  /** Accepts new orders again. Stores nothing if they are already accepted. Throws `AccountNotFound`. */
  resume(scope: string, reason: string): Promise<Controls> {
    const text = new WrittenText(reason);
    return this.#set(scope, (control) => control.resume(scope, text));
  }

  /** Replaces all limits of the scope. Throws 428 without `ifMatch`, 412 if it does not match, `AccountNotFound`. */
  setLimits(scope: string, limits: RiskLimits, ifMatch: TagTest | undefined): Promise<Controls> {
    return this.#set(scope, (control, epoch) => {
      const now = { version: control.version, epoch };
      if (!ifMatch) throw matchMissing({ ...now, limits: control.limits });
      mustMatch(ifMatch, now, 'controls-changed');
      control.setLimits(scope, limits);
    });
  }

  /** Refuses a scope that is neither `all` nor an account: it would look like a switch that works. */
  async #set(scope: string, change: (control: TradingControl, epoch: string) => void): Promise<Controls> {
    if (scope !== 'all' && !(await this.access.opened(scope))) throw new AccountNotFound(scope);
    const save = async () => {
      const id = tradingControlIdFor(scope);
      const loaded = await this.eventStore.loadMany([{ type: TradingControl, id }]);
      const control = loaded.get(TradingControl, id).aggregate;
      change(control, loaded.epoch);
      const { events } = await this.eventStore.saveAggregate(control);
      if (events.length > 0) changes.inc({ scope: scope === 'all' ? 'all' : 'account' });
      return { control, halted: await this.eventStore.withTexts(control.halted) };
    };
    return extendContext(scope === 'all' ? {} : { account: scope }, () => retryOnConflict(save));
  }
}
