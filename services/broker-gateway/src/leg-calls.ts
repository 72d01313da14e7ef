import type { Transaction } from '@tradecore/event-sourcing';
import { foreignOrderIdFor } from '@tradecore/events';
import { compare, decimal } from '@tradecore/money';
import { backoffMs } from '@tradecore/subscriptions';
import { logger } from '@tradecore/telemetry';
import type { BrokerAnswer, BrokerOrder, LegStep, VenueExecution, VenueOrder } from '@tradecore/trading';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import type { LegMemo } from './leg-memo.ts';
import type { Legs } from './legs.ts';
import type { Venue } from './venue.ts';

/** What a step brought. */
export interface Called {
  /** Takes it over into the leg; answers other legs that changed too. Runs again on a fresh leg after a conflict. */
  readonly apply?: (leg: BrokerOrder, tx: Transaction) => readonly BrokerOrder[] | Promise<readonly BrokerOrder[]> | void;
  readonly memo: LegMemo;
  /** The order as the broker showed it: while the leg lacks executions of it, somebody looks again soon. */
  readonly shown?: VenueOrder;
  /** When to attend to it again, in milliseconds; when absent the leg's state says. */
  readonly againMs?: number;
}

const log = logger('broker-calls');
const lookUpRest = { baseMs: 100, capMs: 15_000 };
const waitRest = { baseMs: 500, capMs: 15_000 };
/** The broker took the wish to cancel: the stream tells the end, or this look does; then it is asked again. */
const cancelLookMs = 2_000;
const cancelAgainMs = 10_000;
const priceMs = 500;
/** The broker counts executions of the order before that it does not list yet. */
const lackingMs = 250;

/** Makes the calls of a leg's steps, and says what follows from the answers. */
export class LegCalls {
  constructor(
    private readonly venue: Venue,
    private readonly legs: Legs,
  ) {}

  /** Makes the one call of a step. */
  async make(step: LegStep, leg: BrokerOrder, memo: LegMemo): Promise<Called> {
    switch (step.do) {
      case 'nothing':
        return { memo };
      case 'wait':
        return { memo, againMs: priceMs };
      case 'lapse':
        return { memo, apply: (each) => each.lapse(step.reason, step.lastPrice) };
      case 'withdraw':
        return { memo, apply: (each) => each.withdraw() };
      case 'submit':
        return this.submit(leg, memo);
      case 'replace':
        return this.replace(leg, memo);
      case 'cancel':
        return this.cancel(leg, memo);
      case 'look-up':
      case 'watch':
        return this.lookUp(leg, memo);
    }
  }

  private async submit(leg: BrokerOrder, memo: LegMemo): Promise<Called> {
    const sentAt = this.now();
    if (!leg.terms) return { memo };
    const answer = await this.venue.port.submit(leg.id, leg.terms);
    return answer.kind === 'order' ? this.found(answer.order, memo, false) : this.notBrought(answer, memo, sentAt);
  }

  private async replace(leg: BrokerOrder, memo: LegMemo): Promise<Called> {
    const before = await this.legs.load(leg.terms?.replaces ?? '');
    const isComing = before.progress === 'asked' || before.progress === 'unknown';
    if (isComing) return { memo: { ...memo, waits: memo.waits + 1 }, againMs: backoffMs(memo.waits + 1, lookUpRest) };
    if (!leg.terms || before.progress !== 'working' || before.venueOrderId === undefined) {
      return { memo, apply: (each) => each.refuse('not-working', `the order is ${before.progress}`) };
    }
    const sentAt = this.now();
    const answer = await this.venue.port.replace(before.venueOrderId, leg.id, leg.terms);
    if (answer.kind === 'order') return this.replaced(answer.order, leg, { ...memo, sentAt, sends: memo.sends + 1 }, false);
    if (answer.kind === 'absent') return { memo, apply: (each) => each.refuse('not-working', 'the broker has no such order') };
    return this.notBrought(answer, memo, sentAt);
  }

  /** A call that was to bring the leg to the broker, and did not show that it has. */
  private notBrought(answer: Exclude<BrokerAnswer, { kind: 'order' }>, memo: LegMemo, sentAt: string): Called {
    if (answer.kind === 'refused') return { memo, apply: (each) => each.refuse(answer.code, answer.reason) };
    if (answer.kind === 'unsent') return waited(memo, answer.retryAfterMs);
    const { absentAt: _, ...rest } = memo;
    const sent: LegMemo = { ...rest, sentAt, sends: memo.sends + 1, tries: memo.tries + 1 };
    const againMs = backoffMs(sent.tries, lookUpRest);
    if (answer.kind === 'duplicate') return { memo: sent, againMs };
    const reason = answer.kind === 'unknown' ? answer.reason : `the broker says ${answer.kind}`;
    gatewayMetrics.unknown.inc();
    return { memo: sent, againMs, apply: (each) => this.unknown(each, sent, reason) };
  }

  /** The outcome is not known; once the budget of calls and look-ups is spent, somebody has to look. */
  private unknown(leg: BrokerOrder, { sends, tries }: LegMemo, reason: string): void {
    leg.outcomeUnknown(Math.max(1, sends), reason);
    if (tries < this.venue.config.BROKER_TRIES || leg.isUnresolved) return;
    leg.unresolved(tries, reason);
    if (leg.isUnresolved) log.error({ brokerOrderId: leg.id, tries, reason }, 'the outcome at the broker stays unknown');
  }

  private async lookUp(leg: BrokerOrder, memo: LegMemo): Promise<Called> {
    const answer = await this.venue.port.byClientOrderId(leg.id);
    if (answer.kind === 'order') {
      const isReplacement = leg.terms?.replaces !== undefined && leg.progress !== 'working';
      if (isReplacement) return this.replaced(answer.order, leg, memo, true);
      const found = await this.found(answer.order, memo, leg.progress !== 'working', leg);
      return answer.order.status === 'replaced' ? this.replacedElsewhere(answer.order, found) : found;
    }
    if (answer.kind === 'absent') return this.absent(leg, memo);
    const reason = 'reason' in answer ? answer.reason : `the broker says ${answer.kind}`;
    return this.notTold(memo, reason);
  }

  private notTold(memo: LegMemo, reason: string): Called {
    const tried = { ...memo, tries: memo.tries + 1 };
    return { memo: tried, againMs: backoffMs(tried.tries, lookUpRest), apply: (each) => this.unknown(each, tried, reason) };
  }

  private absent(leg: BrokerOrder, memo: LegMemo): Called {
    const now = this.now();
    if (leg.progress === 'working') {
      log.error({ brokerOrderId: leg.id, venueOrderId: leg.venueOrderId }, 'the broker has lost an order that it had');
      return { memo };
    }
    const sinceSent = Date.parse(now) - Date.parse(memo.sentAt ?? now);
    const graceMs = this.venue.config.BROKER_GRACE;
    const again = sinceSent < graceMs ? Math.min(500, graceMs - sinceSent + 10) : memo.absentAt === undefined ? 0 : 500;
    return { memo: { ...memo, absentAt: now }, againMs: again };
  }

  /** The broker shows the order. What it has traded comes over the stream; looked up again, what is still missing is fetched. */
  private async found(order: VenueOrder, memo: LegMemo, isFound: boolean, lookedUp?: BrokerOrder): Promise<Called> {
    const executions = lookedUp?.lacks(order) ? await this.executionsOf(order) : [];
    return {
      memo,
      shown: order,
      apply: (leg) => {
        leg.learn(order, { found: isFound });
        for (const execution of executions) leg.report(execution);
        leg.learn(order);
      },
    };
  }

  /** The broker shows the leg that is to replace another: it counts when the other one is replaced, with all its executions known. */
  private async replaced(order: VenueOrder, leg: BrokerOrder, memo: LegMemo, isFound: boolean): Promise<Called> {
    if (order.status === 'rejected')
      return { memo, apply: (each) => each.refuse('rejected', 'the broker rejected the replacement') };
    const before = await this.legs.load(leg.terms?.replaces ?? '');
    const old = await this.shownOf(before);
    if (!old) return this.notTold(memo, 'the order that it replaces could not be looked up');
    if (isUndecided(order, old))
      return { memo: { ...memo, waits: memo.waits + 1 }, againMs: backoffMs(memo.waits + 1, lookUpRest) };
    const executions = before.lacks(old) ? await this.executionsOf(old) : [];
    for (const execution of executions) before.report(execution);
    return {
      memo,
      ...(before.lacks(old) && { againMs: lackingMs }),
      apply: async (each, tx) => {
        const replaced = await this.legs.load(before.id, tx);
        for (const execution of executions) replaced.report(execution);
        if (!replaced.lacks(old)) decided(each, replaced, { order, old, isFound });
        return [replaced];
      },
    };
  }

  /** The broker replaced a leg. Where one of ours takes over, that one's row sees to it; else somebody else did it, and a person has to look. */
  private async replacedElsewhere(order: VenueOrder, called: Called): Promise<Called> {
    const answer = await this.venue.port.byId(order.replacedBy ?? '');
    if (answer.kind !== 'order') return { ...called, againMs: cancelLookMs };
    const { clientOrderId, venueOrderId } = answer.order;
    const ours = await this.legs.find(clientOrderId);
    if (ours?.isOpen) return called;
    const by = ours?.id ?? foreignOrderIdFor(this.venue.port.venue, venueOrderId);
    return {
      ...called,
      apply: async (leg, tx) => {
        await called.apply?.(leg, tx);
        leg.replacedBy(by, order);
        return [];
      },
    };
  }

  private async cancel(leg: BrokerOrder, memo: LegMemo): Promise<Called> {
    const since = memo.cancelSentAt === undefined ? Infinity : Date.parse(this.now()) - Date.parse(memo.cancelSentAt);
    if (since < cancelAgainMs) {
      const looked = await this.lookUp(leg, memo);
      return { ...looked, againMs: looked.againMs ?? cancelLookMs };
    }
    const answer = await this.venue.port.cancel(leg.venueOrderId ?? '');
    if (answer.kind === 'done') return { memo: { ...memo, cancelSentAt: this.now() }, againMs: cancelLookMs };
    if (answer.kind === 'unsent') return waited(memo, answer.retryAfterMs);
    if (answer.kind === 'refused' || answer.kind === 'absent') {
      return this.notCanceled(leg, memo, answer.kind === 'refused' ? answer.reason : 'the broker has no such order');
    }
    return this.cancelUnanswered(leg, memo, answer);
  }

  /** Asked again, for as long as it takes; once somebody is told. */
  private cancelUnanswered(leg: BrokerOrder, memo: LegMemo, answer: BrokerAnswer): Called {
    const tries = memo.tries + 1;
    if (tries === this.venue.config.BROKER_TRIES)
      log.error({ brokerOrderId: leg.id, tries, answer }, 'the broker does not answer a cancel');
    return { memo: { ...memo, tries }, againMs: backoffMs(tries, lookUpRest) };
  }

  /** The broker does not cancel it: it has ended there, or the wish is refused. */
  private async notCanceled(leg: BrokerOrder, memo: LegMemo, reason: string): Promise<Called> {
    const answer = await this.venue.port.byClientOrderId(leg.id);
    if (answer.kind !== 'order') return { memo, againMs: cancelLookMs };
    const { order } = answer;
    const found = await this.found(order, memo, false, leg);
    return {
      ...found,
      apply: async (each, tx) => {
        await found.apply?.(each, tx);
        if (order.status === 'working' && order.venueStatus !== 'pending_cancel') each.rejectCancel(reason);
        return [];
      },
    };
  }

  private async shownOf({ venueOrderId }: BrokerOrder): Promise<VenueOrder | undefined> {
    if (venueOrderId === undefined) return undefined;
    const answer = await this.venue.port.byId(venueOrderId);
    return answer.kind === 'order' ? answer.order : undefined;
  }

  private async executionsOf({ venueOrderId, submittedAt }: VenueOrder): Promise<readonly VenueExecution[]> {
    const since = new Date(Date.parse(submittedAt) - 1).toISOString();
    const all = await this.venue.port.executionsSince(since);
    return all.filter((execution) => execution.venueOrderId === venueOrderId);
  }

  private now(): string {
    return this.venue.now();
  }
}

/** A broker takes a replacement, and refuses it later when the old order ended first: only when that one is replaced does the new one live. */
const isUndecided = (order: VenueOrder, old: VenueOrder): boolean =>
  old.status === 'working' || (old.status !== 'replaced' && order.status === 'working');

/** The broker has decided which of two legs lives; the executions of the old one are all known. */
function decided(
  leg: BrokerOrder,
  replaced: BrokerOrder,
  { order, old, isFound }: { readonly order: VenueOrder; readonly old: VenueOrder; readonly isFound: boolean },
): void {
  const hasTraded = compare(decimal(order.filledQuantity), decimal(old.filledQuantity)) > 0;
  if (old.status === 'replaced') replaced.replacedBy(leg.id, old);
  else replaced.learn(old);
  if (old.status !== 'replaced' && !hasTraded) leg.refuse('rejected', `the broker says ${order.venueStatus}`);
  else leg.learn(order, { found: isFound, carried: old.filledQuantity });
}

/** Surely nothing was done: wait, and begin again as if it had not been tried. */
function waited(memo: LegMemo, retryAfterMs = 0): Called {
  const waits = memo.waits + 1;
  return { memo: { ...memo, waits }, againMs: Math.max(retryAfterMs, backoffMs(waits, waitRest)) };
}
