import type { ConsumerStatus } from '@tradecore/messaging';
import { gauge, setWhenRead } from '@tradecore/telemetry';
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
 * outdated. Ready where it is itself outdated, after a rollback: else the newer instances would stay for its sake, and
 * rebuild what an operator has it build.
 */
export function readinessOf(subscription: Pick<Subscription, 'status'>): ReadinessCheck {
  return { name: subscription.status().name, check: () => judge(subscription.status()) };
}

function judge(status: SubscriptionStatus): { ok: boolean; state: string } {
  const { consumer, reason, state } = status;
  if (state === 'outdated') return { ok: true, state: `an operator must ask for a rebuild: ${reason}` };
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

/** How a consumer stands, as metrics say it. */
const states = ['running', 'building', 'waiting', 'halted'] as const;
const stateOf: Partial<Record<SubscriptionStatus['state'], (typeof states)[number]>> = {
  running: 'running',
  building: 'building',
  starting: 'waiting',
  waiting: 'waiting',
  outdated: 'waiting',
  stopped: 'halted',
};
const shown = new Map<string, () => SubscriptionStatus>();
const standing = gauge({
  name: 'tradecore_consumer_state',
  help: '1 for how the consumer of this process stands, 0 for the other states.',
  labels: { group: [], state: states },
  atMost: 20,
});
const backlogAge = gauge({
  name: 'tradecore_consumer_backlog_age_seconds',
  help: 'Age of the oldest batch in progress; 0 when there is none.',
  labels: { group: [] },
  atMost: 5,
});
setWhenRead(backlogAge, () => {
  for (const [group, status] of shown) backlogAge.set({ group }, status().backlogAgeMs / 1000);
});
setWhenRead(standing, () => {
  for (const [group, status] of shown) {
    const now = stateOf[status().state];
    for (const state of states) standing.set({ group, state }, Number(state === now));
  }
});

/**
 * Shows how a consumer stands, and the age of its oldest batch in progress, whenever metrics are read: unlike the
 * freshness of the last batch, the age grows while nothing moves.
 */
export function showStanding(subscription: string, status: () => SubscriptionStatus): void {
  shown.set(subscription, status);
}
