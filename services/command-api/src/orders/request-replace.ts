import { Inject, Injectable } from '@nestjs/common';
import type { TagTest } from '@tradecore/api';
import { DomainError } from '@tradecore/event-sourcing';
import { OrderReplaceRequested, type Denial, type RecordedEvent, type ReplaceTerms, type WithTexts } from '@tradecore/events';
import { tokens, type KnownCaller } from '@tradecore/service';
import { Order, reservationOf, type Account } from '@tradecore/trading';
import { AccountLanes } from '../account-lane/account-lanes.ts';
import type { AccountState, Decision } from '../account-lane/account-request.ts';
import { mustMatch } from '../if-match.ts';
import type { Limits } from '../limits.ts';
import { OrderRisk } from './order-risk.ts';
import { keyedCommandOf, OwnOrder } from './own-order.ts';

/** A request for new terms. */
export interface RequestReplaceCommand {
  readonly orderId: string;
  readonly caller: KnownCaller;
  /** Canonical; absent terms stay. */
  readonly changes: ReplaceTerms;
  /** The version that the request is based on; any when absent. */
  readonly ifMatch?: TagTest | undefined;
  /** The same key is the same request, however often it is sent. */
  readonly idempotencyKey?: string;
}

const replaceFields = ['quantity', 'limitPrice', 'stopPrice'];

/** Stores a client's request for new terms, and reserves what the worst case of both terms needs. */
@Injectable()
export class RequestReplace {
  constructor(
    @Inject(OwnOrder) private readonly ownOrder: OwnOrder,
    @Inject(OrderRisk) private readonly risk: OrderRisk,
    @Inject(AccountLanes) private readonly lanes: AccountLanes,
    @Inject(tokens.config) private readonly limits: Pick<Limits, 'LIMIT_REVISIONS'>,
  ) {}

  /**
   * Returns the order's stored events up to the request; the same for a repeated key. Throws 412 if the order's version
   * does not match `ifMatch`, `ReplaceDenied`, `PricesUnavailable`, `OrderNotFound`, `IdempotencyKeyReused`, and what
   * `Order.requestReplace` and `AccountLanes.submit` throw; then nothing is stored.
   */
  async execute(command: RequestReplaceCommand): Promise<readonly RecordedEvent[]> {
    const { orderId, changes } = command;
    const request = { ...command, name: 'replace-order' as const, body: { ...changes }, fields: replaceFields };
    const accountId = await this.ownOrder.accountOf(request);
    const keyed = keyedCommandOf(request);
    const submitted = this.lanes.submit<RecordedEvent>({
      accountId,
      ...(keyed && { commandId: keyed.commandId, lookups: [keyed.eventId] }),
      maxEvents: 2,
      changesOrder: orderId,
      decide: (state) => {
        const before = keyed && state.stored(keyed.eventId);
        return before ? { answer: () => before } : this.#decide(command, state);
      },
    });
    const event = await submitted.catch(async (error: unknown) => {
      throw error instanceof ReplaceDenied ? new ReplaceDenied(await this.ownOrder.withTexts(error.denial)) : error;
    });
    return this.ownOrder.historyUpTo(event, request);
  }

  #decide({ orderId, changes, ifMatch }: RequestReplaceCommand, state: AccountState): Decision<RecordedEvent> {
    const order = state.order(orderId);
    const expected = order.version;
    mustMatch(ifMatch, { version: expected, epoch: state.epoch }, 'order-changed');
    // The rules and kill switches treat the new terms as a new order, because the brokerage does.
    const assessment = this.risk.assess(order.termsAfter(changes), state);
    if ('denied' in assessment) throw new ReplaceDenied(assessment.denied);
    order.requestReplace(changes, assessment.approved, undefined, this.limits.LIMIT_REVISIONS);
    const reserved = this.#reserveWorstCase(order, state.account);
    const events = order.uncommittedEvents.map((event) =>
      reserved && event instanceof OrderReplaceRequested
        ? new OrderReplaceRequested({ ...event.data, accountVersion: state.account.version })
        : event,
    );
    const changesOf = [{ type: Order.type, id: orderId, expected, events }];
    return { changes: changesOf, judged: true, answer: ([event]) => event as RecordedEvent };
  }

  /** Reserves more if the new terms need it; returns whether the account changed. */
  #reserveWorstCase({ id, state }: Order, account: Account): boolean {
    const reservation = state && reservationOf(state);
    if (!reservation || !account.reserving(id, reservation)) return false;
    const denial = this.risk.reserve(account, reservation);
    if (denial) throw new ReplaceDenied(denial);
    return true;
  }
}

/**
 * The new terms break a rule, or money or shares are insufficient; the order keeps its old terms. `details` are the
 * rule and its figures.
 */
export class ReplaceDenied extends DomainError {
  readonly code = 'replace-denied';
  readonly kind = 'unprocessable';
  constructor(readonly denial: WithTexts<Denial> | Denial) {
    const { detail, ...rest } = denial;
    super(detail, rest);
  }
}
