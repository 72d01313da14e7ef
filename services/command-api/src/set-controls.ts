import { Inject, Injectable } from '@nestjs/common';
import { EventStore, retryOnConflict } from '@tradecore/event-sourcing';
import { tradingControlIdFor, type RiskLimits } from '@tradecore/events';
import { counter, extendContext } from '@tradecore/telemetry';
import { AccountNotFound, TradingControl } from '@tradecore/trading';
import { AccountAccess } from './account-access.ts';

const changes = counter({
  name: 'trading_control_changes_total',
  help: 'Changes of kill switches and limits by operators, for one account or for all.',
  labels: { scope: ['all', 'account'] },
});

/** The levers of operators. Who pulled one, and why, stands in the event that it stores. */
@Injectable()
export class SetControls {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(AccountAccess) private readonly access: AccountAccess,
  ) {}

  /** Refuses new orders of the scope from now on; cancels nothing. Nothing is stored where they are refused. Throws `AccountNotFound`. */
  halt(scope: string, reason: string): Promise<TradingControl> {
    return this.#set(scope, (control) => control.halt(scope, reason));
  }

  /** Takes new orders again. Nothing is stored where they are taken. Throws `AccountNotFound`. */
  resume(scope: string, reason: string): Promise<TradingControl> {
    return this.#set(scope, (control) => control.resume(scope, reason));
  }

  /** Replaces the limits of the scope, all of them. Throws `AccountNotFound`. */
  setLimits(scope: string, limits: RiskLimits): Promise<TradingControl> {
    return this.#set(scope, (control) => control.setLimits(scope, limits));
  }

  /** A scope that is neither `all` nor an account would look like a lever that holds. */
  async #set(scope: string, pull: (control: TradingControl) => void): Promise<TradingControl> {
    if (scope !== 'all' && !(await this.access.opened(scope))) throw new AccountNotFound(scope);
    const change = async () => {
      const control = await this.eventStore.loadAggregate(TradingControl, tradingControlIdFor(scope));
      pull(control);
      const { events } = await this.eventStore.saveAggregate(control);
      if (events.length > 0) changes.inc({ scope: scope === 'all' ? 'all' : 'account' });
      return control;
    };
    return extendContext(scope === 'all' ? {} : { account: scope }, () => retryOnConflict(change));
  }
}
