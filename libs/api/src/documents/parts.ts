import {
  accountPageResponse,
  accountSummaryResponse,
  activityPageResponse,
  activityResponse,
  executionPageResponse,
  executionResponse,
  positionResponse,
  positionsResponse,
} from '../account-reads.ts';
import { reservationPageResponse, reservationResponse } from '../accounts.ts';
import {
  denialResponse,
  orderEventResponse,
  orderEventsResponse,
  orderPageResponse,
  orderRevision,
  requestedTerms,
} from '../orders.ts';
import { fieldFault, problemResponse } from '../problems.ts';
import { clientMessage, serverMessage, streamTicketResponse } from '../stream.ts';
import { timelineEntryResponse, timelineResponse } from '../timeline.ts';
import { z } from 'zod';
import type { Answer, JsonSchema, Operation, Parameter } from './document.ts';
import { writeSchemas } from './write-routes.ts';

const named = {
  ...writeSchemas,
  OrderRevision: orderRevision,
  RequestedTerms: requestedTerms,
  Denial: denialResponse,
  OrderPage: orderPageResponse,
  OrderEvent: orderEventResponse,
  OrderEvents: orderEventsResponse,
  Timeline: timelineResponse,
  TimelineEntry: timelineEntryResponse,
  Reservation: reservationResponse,
  ReservationPage: reservationPageResponse,
  AccountPage: accountPageResponse,
  AccountSummary: accountSummaryResponse,
  Positions: positionsResponse,
  Position: positionResponse,
  ActivityPage: activityPageResponse,
  Activity: activityResponse,
  ExecutionPage: executionPageResponse,
  Execution: executionResponse,
  StreamClientMessage: clientMessage,
  StreamServerMessage: serverMessage,
  StreamTicket: streamTicketResponse,
  FieldFault: fieldFault,
  Problem: problemResponse,
} satisfies Record<string, z.ZodType>;

/** The name of a schema in the document. */
export type SchemaName = keyof typeof named;

const refTo = (name: SchemaName): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** The named schemas; inside other schemas they are references. */
export function componentSchemas(): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.keys(named).map((name) => {
      const { $schema: _s, $id: _i, id: _n, ...schema } = schemas[name] as JsonSchema;
      return [name, schema];
    }),
  );
}

const headerNames: Record<string, string> = {
  'idempotency-key': 'Idempotency-Key',
  'consistency-token': 'Consistency-Token',
  'if-none-match': 'If-None-Match',
  'if-match': 'If-Match',
  prefer: 'Prefer',
};

/** The parameters that a schema checks; none without a schema. */
export function parametersOf(place: Parameter['in'], schema: z.ZodType | undefined): Parameter[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name: place === 'header' ? (headerNames[name] ?? name) : name,
    in: place,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema: property,
  }));
}

const text: JsonSchema = { type: 'string' };

/** Headers of answers, by their names. */
export const answerHeaders = {
  ETag: { description: 'The version of the answer.', schema: text },
  'Consistency-Token': {
    description: 'Send it with a read, which then shows at least this state; for an order, also the money of its trades.',
    schema: text,
  },
  Location: { description: 'The path of the new resource.', schema: text },
  'Preference-Applied': { description: 'The preference that was applied: `wait=5`.', schema: text },
};

/** A body of the named schema. */
export const json = (name: SchemaName) => ({ 'application/json': { schema: refTo(name) } });

/** A refusal. */
export const problem = (description: string): Answer => ({
  description,
  content: { 'application/problem+json': { schema: refTo('Problem') } },
});

/** The token of a request needs one of these scopes or roles. */
export const securityOf = (needs: readonly string[]): Operation['security'] => needs.map((each) => ({ bearer: [each] }));

/** Refusals of any request. */
export const refusals = {
  400: problem('The request is invalid: `errors` names each fault with its pointer.'),
  401: problem('The token is missing, expired or not valid for this API.'),
  403: problem('The token, or your grant for the account, lacks the scope: `insufficient-scope`.'),
  406: problem('The request does not accept JSON.'),
  429: problem(
    'The subject or the account is over its rate limit: `too-many-requests`, with `Retry-After` and `RateLimit-*`. Never for a cancel.',
  ),
  503: problem('Temporarily unavailable; retry after `Retry-After` seconds.'),
};

/** A further refusal of reads. */
export const notFound = problem('Not found, or not visible to you.');

/** Refusals of any write. */
export const writeRefusals = {
  ...refusals,
  413: problem('The body is over 64 KiB.'),
  415: problem('The body is not JSON.'),
  504: problem('The outcome is unknown: send the same request again, with the same name or key.'),
};
