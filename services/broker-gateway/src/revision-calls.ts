import type { Transaction } from '@tradecore/event-sourcing';
import { foreignOrderIdFor } from '@tradecore/events';
import { compare, decimal } from '@tradecore/money';
import { backoffMs } from '@tradecore/consumers';
import { logger } from '@tradecore/telemetry';
import type { BrokerAnswer, BrokerOrder, RevisionStep, BrokerageExecution, BrokerageOrder } from '@tradecore/trading';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import type { RevisionState } from './revision-state.ts';
import type { Revisions } from './revisions.ts';
import type { Brokerage } from './brokerage.ts';

/** What a step brought. */
export interface Called {
  /** Takes it over into the revision; answers other revisions that changed too. Runs again on a fresh revision after a conflict. */
  readonly apply?: (revision: BrokerOrder, tx: Transaction) => readonly BrokerOrder[] | Promise<readonly BrokerOrder[]> | void;
  readonly state: RevisionState;
  /** The order as the broker showed it: while the revision lacks executions of it, somebody looks again soon. */
  readonly shown?: BrokerageOrder;
  /** When to attend to it again, in milliseconds; when absent the revision's state says. */
  readonly againMs?: number;
}

const log = logger('broker-calls');
const lookUpRest = { baseMs: 100, capMs: 15_000 };
const waitRest = { baseMs: 500, capMs: 15_000 };
/** The broker took the request to cancel: the stream tells the end, or this look does; then it is asked again. */
const cancelLookMs = 2_000;
const cancelAgainMs = 10_000;
const priceMs = 500;
/** The broker counts executions of the order before that it does not list yet. */
const lackingMs = 250;

/** Makes the calls of a revision's steps, and says what follows from the answers. */
export class RevisionCalls {
  constructor(
    private readonly brokerage: Brokerage,
    private readonly revisions: Revisions,
  ) {}

  /** Makes the one call of a step. */
  async make(step: RevisionStep, revision: BrokerOrder, state: RevisionState): Promise<Called> {
    switch (step.do) {
      case 'nothing':
        return { state };
      case 'wait':
        return { state, againMs: priceMs };
      case 'lapse':
        return { state, apply: (each) => each.lapse(step.reason, step.lastPrice) };
      case 'withdraw':
        return { state, apply: (each) => each.withdraw() };
      case 'submit':
        return this.submit(revision, state);
      case 'replace':
        return this.replace(revision, state);
      case 'cancel':
        return this.cancel(revision, state);
      case 'look-up':
      case 'watch':
        return this.lookUp(revision, state);
    }
  }

  private async submit(revision: BrokerOrder, state: RevisionState): Promise<Called> {
    const sentAt = this.now();
    if (!revision.terms) return { state };
    const answer = await this.brokerage.port.submit(revision.id, revision.terms);
    return answer.kind === 'order' ? this.found(answer.order, state, false) : this.notBrought(answer, state, sentAt);
  }

  private async replace(revision: BrokerOrder, state: RevisionState): Promise<Called> {
    const before = await this.revisions.load(revision.terms?.replaces ?? '');
    const isComing = before.progress === 'asked' || before.progress === 'unknown';
    if (isComing) return { state: { ...state, waits: state.waits + 1 }, againMs: backoffMs(state.waits + 1, lookUpRest) };
    if (!revision.terms || before.progress !== 'working' || before.brokerageOrderId === undefined) {
      return { state, apply: (each) => each.refuse('not-working', `the order is ${before.progress}`) };
    }
    const sentAt = this.now();
    const answer = await this.brokerage.port.replace(before.brokerageOrderId, revision.id, revision.terms);
    if (answer.kind === 'order')
      return this.replaced(answer.order, revision, { ...state, sentAt, sends: state.sends + 1 }, false);
    if (answer.kind === 'absent') return { state, apply: (each) => each.refuse('not-working', 'the broker has no such order') };
    return this.notBrought(answer, state, sentAt);
  }

  /** A call that was to bring the revision to the broker, and did not show that it has. */
  private notBrought(answer: Exclude<BrokerAnswer, { kind: 'order' }>, state: RevisionState, sentAt: string): Called {
    if (answer.kind === 'refused') return { state, apply: (each) => each.refuse(answer.code, answer.reason) };
    if (answer.kind === 'unsent') return waited(state, answer.retryAfterMs);
    const { absentAt: _, ...rest } = state;
    const sent: RevisionState = { ...rest, sentAt, sends: state.sends + 1, tries: state.tries + 1 };
    const againMs = backoffMs(sent.tries, lookUpRest);
    if (answer.kind === 'duplicate') return { state: sent, againMs };
    const reason = answer.kind === 'unknown' ? answer.reason : `the broker says ${answer.kind}`;
    gatewayMetrics.unknown.inc();
    return { state: sent, againMs, apply: (each) => this.unknown(each, sent, reason) };
  }

  /** The outcome is not known; once the budget of calls and look-ups is spent, somebody has to look. */
  private unknown(revision: BrokerOrder, { sends, tries }: RevisionState, reason: string): void {
    revision.outcomeUnknown(Math.max(1, sends), reason);
    if (tries < this.brokerage.config.BROKER_TRIES || revision.isUnresolved) return;
    revision.unresolved(tries, reason);
    if (revision.isUnresolved)
      log.error({ brokerOrderId: revision.id, tries, reason }, 'the outcome at the broker stays unknown');
  }

  private async lookUp(revision: BrokerOrder, state: RevisionState): Promise<Called> {
    const answer = await this.brokerage.port.byClientOrderId(revision.id);
    if (answer.kind === 'order') {
      const isReplacement = revision.terms?.replaces !== undefined && revision.progress !== 'working';
      if (isReplacement) return this.replaced(answer.order, revision, state, true);
      const found = await this.found(answer.order, state, revision.progress !== 'working', revision);
      return answer.order.status === 'replaced' ? this.replacedElsewhere(answer.order, found) : found;
    }
    if (answer.kind === 'absent') return this.absent(revision, state);
    const reason = 'reason' in answer ? answer.reason : `the broker says ${answer.kind}`;
    return this.notTold(state, reason);
  }

  private notTold(state: RevisionState, reason: string): Called {
    const tried = { ...state, tries: state.tries + 1 };
    return { state: tried, againMs: backoffMs(tried.tries, lookUpRest), apply: (each) => this.unknown(each, tried, reason) };
  }

  private absent(revision: BrokerOrder, state: RevisionState): Called {
    const now = this.now();
    if (revision.progress === 'working') {
      log.error(
        { brokerOrderId: revision.id, brokerageOrderId: revision.brokerageOrderId },
        'the broker has lost an order that it had',
      );
      return { state };
    }
    const sinceSent = Date.parse(now) - Date.parse(state.sentAt ?? now);
    const graceMs = this.brokerage.config.BROKER_GRACE;
    const again = sinceSent < graceMs ? Math.min(500, graceMs - sinceSent + 10) : state.absentAt === undefined ? 0 : 500;
    return { state: { ...state, absentAt: now }, againMs: again };
  }

  /** The broker shows the order. What it has traded comes over the stream; looked up again, what is still missing is fetched. */
  private async found(order: BrokerageOrder, state: RevisionState, isFound: boolean, lookedUp?: BrokerOrder): Promise<Called> {
    const executions = lookedUp?.lacks(order) ? await this.executionsOf(order) : [];
    return {
      state,
      shown: order,
      apply: (revision) => {
        revision.learn(order, { found: isFound });
        for (const execution of executions) revision.report(execution);
        revision.learn(order);
      },
    };
  }

  /** The broker shows the revision that is to replace another: it counts when the other one is replaced, with all its executions known. */
  private async replaced(order: BrokerageOrder, revision: BrokerOrder, state: RevisionState, isFound: boolean): Promise<Called> {
    if (order.status === 'rejected')
      return { state, apply: (each) => each.refuse('rejected', 'the broker rejected the replacement') };
    const before = await this.revisions.load(revision.terms?.replaces ?? '');
    const old = await this.shownOf(before);
    if (!old) return this.notTold(state, 'the order that it replaces could not be looked up');
    if (isUndecided(order, old))
      return { state: { ...state, waits: state.waits + 1 }, againMs: backoffMs(state.waits + 1, lookUpRest) };
    const executions = before.lacks(old) ? await this.executionsOf(old) : [];
    for (const execution of executions) before.report(execution);
    return {
      state,
      ...(before.lacks(old) && { againMs: lackingMs }),
      apply: async (each, tx) => {
        const replaced = await this.revisions.load(before.id, tx);
        for (const execution of executions) replaced.report(execution);
        if (!replaced.lacks(old)) decided(each, replaced, { order, old, isFound });
        return [replaced];
      },
    };
  }

  /** The broker replaced a revision. Where one of ours takes over, that one's row sees to it; else somebody else did it, and a person has to look. */
  private async replacedElsewhere(order: BrokerageOrder, called: Called): Promise<Called> {
    const answer = await this.brokerage.port.byId(order.replacedBy ?? '');
    if (answer.kind !== 'order') return { ...called, againMs: cancelLookMs };
    const { clientOrderId, brokerageOrderId } = answer.order;
    const ours = await this.revisions.find(clientOrderId);
    if (ours?.isOpen) return called;
    const by = ours?.id ?? foreignOrderIdFor(this.brokerage.port.brokerage, brokerageOrderId);
    return {
      ...called,
      apply: async (revision, tx) => {
        await called.apply?.(revision, tx);
        revision.replacedBy(by, order);
        return [];
      },
    };
  }

  private async cancel(revision: BrokerOrder, state: RevisionState): Promise<Called> {
    const since = state.cancelSentAt === undefined ? Infinity : Date.parse(this.now()) - Date.parse(state.cancelSentAt);
    if (since < cancelAgainMs) {
      const looked = await this.lookUp(revision, state);
      return { ...looked, againMs: looked.againMs ?? cancelLookMs };
    }
    const answer = await this.brokerage.port.cancel(revision.brokerageOrderId ?? '');
    if (answer.kind === 'done') return { state: { ...state, cancelSentAt: this.now() }, againMs: cancelLookMs };
    if (answer.kind === 'unsent') return waited(state, answer.retryAfterMs);
    if (answer.kind === 'refused' || answer.kind === 'absent') {
      return this.notCanceled(revision, state, answer.kind === 'refused' ? answer.reason : 'the broker has no such order');
    }
    return this.cancelUnanswered(revision, state, answer);
  }

  /** Asked again, for as long as it takes; once somebody is told. */
  private cancelUnanswered(revision: BrokerOrder, state: RevisionState, answer: BrokerAnswer): Called {
    const tries = state.tries + 1;
    if (tries === this.brokerage.config.BROKER_TRIES)
      log.error({ brokerOrderId: revision.id, tries, answer }, 'the broker does not answer a cancel');
    return { state: { ...state, tries }, againMs: backoffMs(tries, lookUpRest) };
  }

  /** The broker does not cancel it: it has ended there, or the request is refused. */
  private async notCanceled(revision: BrokerOrder, state: RevisionState, reason: string): Promise<Called> {
    const answer = await this.brokerage.port.byClientOrderId(revision.id);
    if (answer.kind !== 'order') return { state, againMs: cancelLookMs };
    const { order } = answer;
    const found = await this.found(order, state, false, revision);
    return {
      ...found,
      apply: async (each, tx) => {
        await found.apply?.(each, tx);
        if (order.status === 'working' && order.brokerageStatus !== 'pending_cancel') each.rejectCancel(reason);
        return [];
      },
    };
  }

  private async shownOf({ brokerageOrderId }: BrokerOrder): Promise<BrokerageOrder | undefined> {
    if (brokerageOrderId === undefined) return undefined;
    const answer = await this.brokerage.port.byId(brokerageOrderId);
    return answer.kind === 'order' ? answer.order : undefined;
  }

  private async executionsOf({ brokerageOrderId, submittedAt }: BrokerageOrder): Promise<readonly BrokerageExecution[]> {
    const since = new Date(Date.parse(submittedAt) - 1).toISOString();
    const all = await this.brokerage.port.executionsSince(since);
    return all.filter((execution) => execution.brokerageOrderId === brokerageOrderId);
  }

  private now(): string {
    return this.brokerage.now();
  }
}

/** A broker takes a replacement, and refuses it later when the old order ended first: only when that one is replaced does the new one live. */
const isUndecided = (order: BrokerageOrder, old: BrokerageOrder): boolean =>
  old.status === 'working' || (old.status !== 'replaced' && order.status === 'working');

/** The broker has decided which of two revisions lives; the executions of the old one are all known. */
function decided(
  revision: BrokerOrder,
  replaced: BrokerOrder,
  { order, old, isFound }: { readonly order: BrokerageOrder; readonly old: BrokerageOrder; readonly isFound: boolean },
): void {
  const hasTraded = compare(decimal(order.filledQuantity), decimal(old.filledQuantity)) > 0;
  if (old.status === 'replaced') replaced.replacedBy(revision.id, old);
  else replaced.learn(old);
  if (old.status !== 'replaced' && !hasTraded) revision.refuse('rejected', `the broker says ${order.brokerageStatus}`);
  else revision.learn(order, { found: isFound, carried: old.filledQuantity });
}

/** Surely nothing was done: wait, and begin again as if it had not been tried. */
function waited(state: RevisionState, retryAfterMs = 0): Called {
  const waits = state.waits + 1;
  return { state: { ...state, waits }, againMs: Math.max(retryAfterMs, backoffMs(waits, waitRest)) };
}
