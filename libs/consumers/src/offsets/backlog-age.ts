import { gauge } from '@tradecore/telemetry';

const ages = new Map<string, () => number>();

/** Shows how old the oldest batch in hand is, asked for when metrics are read: it grows while nothing moves, as the lag of the last batch does not. */
export function showBacklogAge(subscription: string, age: () => number): void {
  ages.set(subscription, age);
  gauge({
    name: 'projection_backlog_age_seconds',
    help: 'Time since the oldest batch in hand was taken up; 0 when none is.',
    labels: { projector: [] as string[] },
    collect: (metric) => {
      for (const [projector, read] of ages) metric.set({ projector }, read());
    },
  });
}
