import type { WorkState } from '@tradecore/consumers';
import type { BrokerOrder, RevisionState } from '@tradecore/trading';
import { z } from 'zod';
import type { revisionStandings } from './broker-gateway.metrics.ts';

const shape = z.object({
  sentAt: z.string().optional(),
  absentAt: z.string().optional(),
  sends: z.number().int().optional(),
  tries: z.number().int().optional(),
  waits: z.number().int().optional(),
  isTaken: z.boolean().optional(),
  refusal: z.object({ code: z.string(), reason: z.string() }).optional(),
  cancelSentAt: z.string().optional(),
  cancelRefused: z.string().optional(),
  makesRoom: z.boolean().optional(),
  roomRequestedAt: z.string().optional(),
  list: z.boolean().optional(),
  suspects: z.record(z.string(), z.string()).optional(),
});

/** Reads a row's state; fields from other builds that this one does not know are dropped. */
export const readState = (state: WorkState): RevisionState => shape.parse(state) as RevisionState;

/** The state for a row, with the revision's standing for the gauge and for operators. */
export const writeState = (state: RevisionState, order: BrokerOrder): WorkState => ({
  ...state,
  standing: standingOf(state, order),
});

function standingOf({ sentAt }: RevisionState, order: BrokerOrder): (typeof revisionStandings)[number] {
  if (!order.isUnproven) return 'working';
  if (order.isUnresolved) return 'unresolved';
  return sentAt === undefined ? 'waiting' : 'unknown';
}
