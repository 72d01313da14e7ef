import { z } from 'zod';
import { problemResponse } from '../problems.ts';
import type { Answer, JsonSchema, Operation, Parameter } from './document.ts';

const pathOf = (id = ''): string => `#/components/schemas/${id}`;

const refTo = (schema: z.ZodType): JsonSchema => ({ $ref: pathOf(z.globalRegistry.get(schema)?.id) });

/** The schemas with an id, ordered by it; inside other schemas they are references. */
export function componentSchemas(): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(z.globalRegistry, { io: 'input', uri: pathOf });
  return Object.fromEntries(
    Object.entries(schemas)
      .map(([name, { $schema: _s, $id: _i, id: _n, ...schema }]) => [name, schema as JsonSchema] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
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
function parametersOf(place: Parameter['in'], schema: z.ZodType | undefined): Parameter[] {
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

const answerHeaders = {
  ETag: { description: 'The version of the answer.', schema: text },
  'Consistency-Token': {
    description: 'Send it with a read, which then shows at least this state; for an order, also the money of its trades.',
    schema: text,
  },
  Location: { description: 'The path of the new resource.', schema: text },
  'Preference-Applied': { description: 'The preference that was applied: `wait=5`.', schema: text },
};

/** A body of a schema with an id. */
export const json = (schema: z.ZodType) => ({ 'application/json': { schema: refTo(schema) } });

/** A refusal. */
export const problem = (description: string): Answer => ({
  description,
  content: { 'application/problem+json': { schema: refTo(problemResponse) } },
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

/** What does not exist for the caller. */
export const notVisible = 'Not found, or not visible to you.';

const writeRefusals = {
  ...refusals,
  413: problem('The body is over 64 KiB.'),
  415: problem('The body is not JSON.'),
  504: problem('The outcome is unknown: send the same request again, with the same name or key.'),
};

/** One route, as the OpenAPI document describes it. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With a placeholder such as `{id}` for each of `pathParameters`. */
  readonly path: string;
  /** The scope that a token needs, or roles of which it needs one. */
  readonly needs: readonly string[];
  readonly operationId: string;
  readonly tag: 'Orders' | 'Accounts' | 'Operators';
  readonly summary: string;
  readonly description: string;
  readonly pathParameters?: z.ZodType;
  readonly query?: z.ZodType;
  readonly headers?: z.ZodType;
  readonly body?: { readonly schema: z.ZodType; readonly required: boolean };
  /** Body of the successful answers; their meanings by status. */
  readonly answer: z.ZodType;
  readonly answers: Readonly<Record<number, string>>;
  /** By status: refusals besides those of every request, and of every write. */
  readonly refusals: Readonly<Record<number, string>>;
  /** Headers of the successful answers. */
  readonly answerHeaders: readonly ('Location' | 'ETag' | 'Consistency-Token' | 'Preference-Applied')[];
}

function answersOf({ method, answer, answers, answerHeaders: names }: Route): Record<string, Answer> {
  const headers = Object.fromEntries(names.map((name) => [name, answerHeaders[name]]));
  const good = { ...(names.length > 0 && { headers }), content: json(answer) };
  return {
    ...Object.fromEntries(Object.entries(answers).map(([status, description]) => [status, { description, ...good }])),
    ...(method === 'get' && names.includes('ETag') && { 304: { description: 'The ETag still matches.' } }),
  };
}

/** The operation of a route. */
export function operationOf(route: Route): Operation {
  const { operationId, summary, description, tag, needs, pathParameters, query, headers, body } = route;
  const own = Object.entries(route.refusals).map(([status, each]) => [status, problem(each)]);
  return {
    operationId,
    summary,
    description,
    tags: [tag],
    security: securityOf(needs),
    parameters: [...parametersOf('path', pathParameters), ...parametersOf('query', query), ...parametersOf('header', headers)],
    ...(body && { requestBody: { required: body.required, content: json(body.schema) } }),
    responses: { ...answersOf(route), ...(route.method === 'get' ? refusals : writeRefusals), ...Object.fromEntries(own) },
  };
}
