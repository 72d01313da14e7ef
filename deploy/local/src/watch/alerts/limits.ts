/** When an alert fires. A fleet with other promises changes them here, or as values of its chart. */
export const limits = {
  /** Share of requests that the doors answer otherwise than 5xx, over 30 days. */
  doorsObjective: 0.999,
  /** Share of the time in which a read model shows what was stored `staleSeconds` ago, over 30 days. */
  freshnessObjective: 0.99,
  staleSeconds: 5,
  /** Age of an event in the outbox. */
  outboxSeconds: 60,
  /** Age of the oldest record that a group has not read. */
  unreadSeconds: 60,
  /** Since when the gauges of tables and topics were not read. */
  gaugesSeconds: 60,
  /** Attempt of a loop. */
  attemptSeconds: 60,
  /** Share of saves that meet another writer's. */
  conflictShare: 0.1,
  /** Of the newest price that a door knows, while the market is open: it decides by none older than this. */
  priceSeconds: 60,
  /** Since the gateway has published the whole market. */
  marketSeconds: 120,
  /** Of an order that the brokerage should have answered. */
  pendingOrderSeconds: 300,
  /** What the reconciler has not compared: topics and orphans, and models. */
  comparedSeconds: 300,
  modelsComparedSeconds: 86_400,
  /** What could not be restored; the newest base; the last restore that was tried. */
  restorableSeconds: 60,
  baseSeconds: 129_600,
  restoreSeconds: 691_200,
  /** Restarts of a process in an hour. */
  restarts: 3,
  /** Share of a server's connections, memory and disk. */
  connectionShare: 0.8,
  memoryShare: 0.9,
  freeDiskShare: 0.15,
  /** An open transaction in PostgreSQL. */
  transactionSeconds: 300,
} as const;
