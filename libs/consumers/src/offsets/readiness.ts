import type { ConsumerStatus } from '@tradecore/messaging';
import { gauge } from '@tradecore/telemetry';
import type { Subscription, SubscriptionStatus } from './subscription.ts';

/** One part of a service's readiness. */
export interface ReadinessCheck {
  readonly name: string;
  check(): { readonly ok: boolean; readonly state: string };
}

/** A group member not heard from for this long has lost its partitions (session timeout 6 s). */
const maxSilenceMs = 10_000;
/** A batch not done after this long is stuck, whatever its size. */
const maxBacklogAgeMs = 15_000;

/**
 * Ready: a member of its group (with partitions, or without when other members hold them all), heard from within 10 s,
 * no batch in progress for more than 15 s, not stopped. Not ready while building or waiting for a builder: its rows are
 * outdated.
 */
export function readinessOf(subscription: Pick<Subscription, 'status'>): ReadinessCheck {
  return { name: subscription.status().name, check: () => judge(subscription.status()) };
}

function judge(status: SubscriptionStatus): { ok: boolean; state: string } {
  const { consumer, reason } = status;
  const fault = faultOf(status, consumer);
  if (fault !== undefined) return { ok: false, state: reason === undefined ? fault : `${fault}: ${reason}` };
  if (consumer?.assignment.length === 0) return { ok: true, state: 'standing by: other members hold all partitions' };
  return { ok: true, state: `${consumer?.assignment.length} partitions, backlog ${Math.round(status.backlogAgeMs)} ms` };
}

/** Without partitions nothing was ever claimed: it stands by. */
const isAtWork = (state: SubscriptionStatus['state'], consumer: ConsumerStatus | undefined): boolean =>
  state === 'running' || (state === 'starting' && consumer?.assignment.length === 0);

function faultOf({ state, backlogAgeMs }: SubscriptionStatus, consumer: ConsumerStatus | undefined): string | undefined {
  if (!isAtWork(state, consumer)) return state;
  if (!consumer) return 'consumer not started';
  if (consumer.state !== 'joined') return `consumer ${consumer.state}`;
  const silence = Date.now() - consumer.lastHeartbeatAt;
  if (silence > maxSilenceMs) return `no heartbeat for ${silence} ms`;
  return backlogAgeMs > maxBacklogAgeMs ? `a batch has been in progress for ${Math.round(backlogAgeMs)} ms` : undefined;
}

const ages = new Map<string, () => number>();

/**
 * Exports the age of the oldest batch in progress, computed at each scrape: unlike the lag of the last batch, it grows
 * while nothing moves.
 */
export function showBacklogAge(subscription: string, age: () => number): void {
  ages.set(subscription, age);
  gauge({
    name: 'projection_backlog_age_seconds',
    help: 'Age of the oldest batch in progress; 0 when there is none.',
    labels: { projector: [] as string[] },
    collect: (metric) => {
      for (const [projector, read] of ages) metric.set({ projector }, read());
    },
  });
}
