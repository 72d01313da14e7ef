import { placementIdFor } from '@tradecore/events';
import { add, decimal, subtract, zero, type Decimal } from '@tradecore/money';
import {
  nextStep,
  type BrokerAnswer,
  type BrokerOrder,
  type RevisionPatience,
  type RevisionStep,
  type BrokerageExecution,
  type BrokerageOrder,
} from '@tradecore/trading';
import type { BrokerLine, Heard } from './broker-line.ts';
import type { Clock } from './clock.ts';
import type { Journal } from './journal.ts';
import type { Deciders } from './participants.ts';

/** What a worker remembers of a revision between two attempts. */
interface Errand {
  isBusy: boolean;
  attempts: number;
  sentAt?: string;
  absentAt?: string;
}

interface GatewayWorld {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly classes: Deciders;
  readonly line: BrokerLine;
  readonly lastPrice: (symbol: string) => string | undefined;
  /** The name under which a revision is sent. */
  readonly nameOf: (revisionId: string, attempt: number) => string;
}

/** An order as the broker shows it at one moment: what was heard with it, and all its own executions up to then. */
interface Shown {
  readonly order: BrokerageOrder;
  readonly heard: readonly BrokerageExecution[];
  readonly executions: readonly BrokerageExecution[];
  readonly found?: boolean;
}

/** How often a revision without an answer is looked up before it counts as unresolved; it is looked up after that as well. */
const budget = 8;

/**
 * What the workers of broker-gateway do, with its decisions: they call, look up what was not answered, hear the stream, and reconcile by query
 * what the stream did not tell.
 */
export class Gateway {
  readonly #world: GatewayWorld;
  readonly #patience: RevisionPatience;
  readonly #errands = new Map<string, Errand>();
  readonly #open = new Set<string>();
  /** The revision that is to replace a revision, or did. */
  readonly #successors = new Map<string, string>();

  constructor(world: GatewayWorld, patience: RevisionPatience) {
    this.#world = world;
    this.#patience = patience;
    world.line.hear = (heard) => this.#hear(heard);
  }

  /** Somebody has something to do for this revision. */
  attend(revisionId: string): void {
    const errand = this.#errands.get(revisionId) ?? { isBusy: false, attempts: 0 };
    this.#errands.set(revisionId, errand);
    this.#open.add(revisionId);
    if (errand.isBusy) return;
    const revision = this.#revision(revisionId);
    const { symbol, replaces } = revision.terms ?? {};
    if (replaces !== undefined && revision.isOpen) this.#successors.set(replaces, revisionId);
    const lastPrice = symbol === undefined ? undefined : this.#world.lastPrice(symbol);
    const { sentAt, absentAt } = errand;
    const facts = {
      now: this.#world.clock.time,
      ...(sentAt !== undefined && { sentAt }),
      ...(absentAt !== undefined && { absentAt }),
      ...(lastPrice !== undefined && { lastPrice }),
    };
    this.#do(nextStep(revision, facts, this.#patience), revision, errand);
  }

  /** Compares with what the broker lists, as broker-gateway's brokerage sweep does: what the stream lost is found, also of revisions that have ended. */
  reconcile(): void {
    const known = this.#fillsKnown;
    this.#world.line.brokerageSweep(known, ({ open, fills }) => {
      this.#fillsKnown = Math.max(this.#fillsKnown, known + fills.length);
      for (const { clientOrderId, execution } of fills) this.#traded(clientOrderId, execution);
      const listed = new Map(open.map((order) => [order.clientOrderId, order]));
      for (const revisionId of this.#open) this.#compare(this.#revision(revisionId), listed.get(revisionId));
    });
  }

  #fillsKnown = 0;

  #traded(revisionId: string, execution: BrokerageExecution): void {
    const revision = this.#world.journal.aggregates.get(revisionId) as BrokerOrder | undefined;
    if (revision) this.#decide(revision, () => revision.report(execution));
  }

  /** Looks closer where the broker's list does not show a revision as we know it. */
  #compare(revision: BrokerOrder, listed: BrokerageOrder | undefined): void {
    if (!revision.isOpen) return void this.#open.delete(revision.id);
    const isKnown =
      listed !== undefined && revision.progress === 'working' && !revision.cancelRequested && !revision.lacks(listed);
    if (!isKnown && !this.#errands.get(revision.id)?.isBusy) this.#lookUp(revision.id, false);
  }

  #do(step: RevisionStep, revision: BrokerOrder, errand: Errand): void {
    switch (step.do) {
      case 'nothing':
      case 'watch':
        return;
      case 'wait':
        return this.#world.clock.in(500, () => this.attend(revision.id));
      case 'withdraw':
        return this.#decide(revision, () => revision.withdraw());
      case 'lapse':
        return this.#decide(revision, () => revision.lapse(step.reason, step.lastPrice));
      default:
        errand.isBusy = true;
        return this.#call(step.do, revision, errand);
    }
  }

  #call(what: 'submit' | 'replace' | 'cancel' | 'look-up', revision: BrokerOrder, errand: Errand): void {
    const { line, clock } = this.#world;
    const { terms } = revision;
    if (!terms) throw new Error(`revision ${revision.id} has no terms`);
    if (what === 'look-up') {
      errand.attempts += 1;
      return clock.in(pauseAfter(errand.attempts), () => this.#lookUp(revision.id, true));
    }
    if (what === 'cancel') {
      return line.cancel(revision.brokerageOrderId ?? '', terms.symbol, (answer) => this.#afterCancel(revision.id, answer));
    }
    const before = errand.sentAt;
    errand.sentAt = clock.time;
    delete errand.absentAt;
    const after = (answer: BrokerAnswer): void => this.#afterSending(revision.id, answer, before);
    if (what === 'submit') return line.submit(this.#world.nameOf(revision.id, errand.attempts), terms, after);
    line.replace(this.#revision(terms.replaces ?? '').brokerageOrderId ?? '', revision.id, terms, after);
  }

  #afterSending(revisionId: string, answer: BrokerAnswer, sentBefore: string | undefined): void {
    const revision = this.#revision(revisionId);
    const errand = this.#free(revisionId);
    if (answer.kind === 'order') {
      this.#learn(revision, { order: answer.order, heard: [], executions: [] });
      // A cancel may have been asked for meanwhile.
      return this.attend(revisionId);
    }
    if (answer.kind === 'refused') return this.#decide(revision, () => revision.refuse(answer.code, answer.reason));
    // The order that was to be replaced is not there: as good as refused.
    if (answer.kind === 'absent') return this.#decide(revision, () => revision.refuse('absent', 'there is nothing to replace'));
    if (answer.kind === 'unsent') {
      if (sentBefore === undefined) delete errand.sentAt;
      else errand.sentAt = sentBefore;
    }
    if (answer.kind === 'unknown') this.#decide(revision, () => revision.outcomeUnknown(errand.attempts + 1, answer.reason));
    if (answer.kind === 'unsent') this.#again(revisionId, errand);
    else this.attend(revisionId);
  }

  #afterCancel(revisionId: string, answer: BrokerAnswer): void {
    const errand = this.#free(revisionId);
    if (answer.kind === 'done') return;
    errand.isBusy = true;
    // Refused, or not answered: what became of the order says more than the answer.
    this.#lookUp(revisionId, false, () => this.#again(revisionId, errand));
  }

  #lookUp(revisionId: string, found: boolean, after?: () => void): void {
    this.#world.line.lookUp(revisionId, (answer, executions) => {
      const revision = this.#revision(revisionId);
      const errand = this.#free(revisionId);
      if (answer.kind === 'order') this.#learn(revision, { order: answer.order, heard: executions, executions, found });
      if (answer.kind === 'absent') errand.absentAt = this.#world.clock.time;
      if (after) return after();
      if (errand.attempts === budget) this.#decide(revision, () => revision.unresolved(errand.attempts, 'nobody knows'));
      this.attend(revisionId);
    });
  }

  #hear({ update, order, execution, executions }: Heard): void {
    const revision = this.#world.journal.aggregates.get(order.clientOrderId) as BrokerOrder | undefined;
    if (!revision) return;
    this.#learn(revision, { order, heard: execution ? [execution] : [], executions });
    if (update === 'order_cancel_rejected') this.#decide(revision, () => revision.rejectCancel('the broker does not cancel it'));
    if (update === 'order_replace_rejected' && revision.cancelRequested) this.attend(revision.id);
  }

  /** Takes over an order as the broker shows it; where executions are missing, it asks for them. */
  #learn(revision: BrokerOrder, { order, heard, executions, found = false }: Shown): void {
    this.#decide(revision, () => {
      for (const execution of heard) revision.report(execution);
      const isReplacement = revision.terms?.replaces !== undefined;
      if (isReplacement && revision.brokerageOrderId === undefined && order.brokerageStatus === 'pending_new') return;
      // What the revisions before had traded when it took over: what it counts beyond its own executions of the same moment.
      const carried = isReplacement ? subtract(decimal(order.filledQuantity), sumOf(executions)) : undefined;
      revision.learn(order, { found, ...(carried !== undefined && { carried }) });
    });
    if (order.status === 'replaced') this.#replaced(revision, order);
    if (revision.isOpen && revision.lacks(order)) this.#world.clock.in(100, () => this.#complete(revision.id));
  }

  #replaced(revision: BrokerOrder, order: BrokerageOrder): void {
    const next = this.#successors.get(revision.id);
    if (next !== undefined) this.#decide(revision, () => revision.replacedBy(next, order));
  }

  /** Fetches the executions that the broker counts and we have not heard. */
  #complete(revisionId: string): void {
    if (this.#errands.get(revisionId)?.isBusy || !this.#revision(revisionId).isOpen) return;
    this.#lookUp(revisionId, false);
  }

  #again(revisionId: string, errand: Errand): void {
    errand.attempts += 1;
    this.#world.clock.in(pauseAfter(errand.attempts), () => this.attend(revisionId));
  }

  #free(revisionId: string): Errand {
    const errand = this.#errands.get(revisionId) ?? { isBusy: false, attempts: 0 };
    errand.isBusy = false;
    return errand;
  }

  #revision(revisionId: string): BrokerOrder {
    return this.#world.journal.load(this.#world.classes.BrokerOrder, revisionId);
  }

  #decide(revision: BrokerOrder, decide: () => void): void {
    decide();
    const { orderId, accountId } = revision.terms ?? {};
    if (revision.uncommittedEvents.length === 0 || orderId === undefined) return;
    this.#world.journal.save(revision, { sagaId: placementIdFor(orderId), ...(accountId && { account: accountId }) });
  }
}

/** Milliseconds before the next attempt. */
const pauseAfter = (attempts: number): number => Math.min(5000, 100 * 2 ** attempts);

const sumOf = (executions: readonly BrokerageExecution[]): Decimal =>
  executions.reduce((sum, { quantity }) => add(sum, decimal(quantity)), zero);
