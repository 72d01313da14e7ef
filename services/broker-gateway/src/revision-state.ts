import type { WorkState } from '@tradecore/consumers';
import { z } from 'zod';

/** What workers remember about a revision. Times are RFC 3339. */
const shape = z.object({
  /** How it stands, for the gauge and for people. */
  state: z.enum(['waiting', 'unknown', 'unresolved', 'working']).optional(),
  /** When the call that brings it to the broker was last made. */
  sentAt: z.string().optional(),
  /** When the broker last said that it has no such order; approved by each new call. */
  absentAt: z.string().optional(),
  /** Calls that may have brought it there. */
  sends: z.number().int().default(0),
  /** Look-ups and calls since the outcome was last known. */
  tries: z.number().int().default(0),
  /** Calls in a row that surely did nothing. */
  waits: z.number().int().default(0),
  /** When the broker took the request to cancel. */
  cancelSentAt: z.string().optional(),
});

/** A revision's state as read. */
export type RevisionState = z.output<typeof shape>;

/** Reads a state; one that an older or newer build wrote loses what we do not know. */
export const readState = (state: WorkState): RevisionState => shape.parse(state);
