/** Why a record could not be handled; `reasons` are the label values of the metric. */
export const deadLetterReasons = ['undecodable', 'foreign', 'handler-failed', 'other'] as const;

/** What is said about a dead letter. */
export interface DeadLetterNote {
  /** The consumer group that could not handle it; without namespace. */
  readonly group: string;
  readonly reason: (typeof deadLetterReasons)[number];
  /** For people: which header, which check. */
  readonly detail?: string;
  readonly attempts: number;
  readonly error?: unknown;
}
