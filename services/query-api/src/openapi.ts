import {
  cancelOrderBody,
  orderEventResponse,
  orderEventsResponse,
  orderPageResponse,
  orderPath,
  orderResponse,
  placeOrderBody,
  writeHeaders,
} from '@tradecore/read-models';
import { fieldFault, problemResponse } from '@tradecore/service';
import { z } from 'zod';
import { orderQuery, ordersQuery, readHeaders } from './read-queries.ts';
import { clientMessage, serverMessage } from './stream-messages.ts';

/** A JSON Schema (2020-12), as OpenAPI 3.1 takes it. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
}

/** A parameter of an operation. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

/** One answer of an operation. */
export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>;
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

/** What one method of a path does. */
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>>;
  };
  readonly responses: Readonly<Record<string, Answer>>;
}

/** The document that `/openapi.json` serves. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: Readonly<Record<string, string>>;
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
}

const named = {
  PlaceOrder: placeOrderBody,
  CancelOrder: cancelOrderBody.unwrap(),
  Order: orderResponse,
  OrderPage: orderPageResponse,
  OrderEvent: orderEventResponse,
  OrderEvents: orderEventsResponse,
  StreamClientMessage: clientMessage,
  StreamServerMessage: serverMessage,
  FieldFault: fieldFault,
  Problem: problemResponse,
} satisfies Record<string, z.ZodType>;

const refTo = (name: keyof typeof named): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** The schemas that stand under a name; those inside others become references. */
function componentSchemas(): Record<string, JsonSchema> {
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

function parametersOf(place: Parameter['in'], schema: z.ZodType): Parameter[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name: place === 'header' ? (headerNames[name] ?? name) : name,
    in: place,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema: property,
  }));
}

const headerNames: Record<string, string> = {
  'idempotency-key': 'Idempotency-Key',
  'consistency-token': 'Consistency-Token',
  'if-none-match': 'If-None-Match',
};

const text: JsonSchema = { type: 'string' };
const headers = {
  etag: { ETag: { description: 'The version of the order.', schema: text } },
  token: { 'Consistency-Token': { description: 'Send it with a read, and the read shows this write.', schema: text } },
  location: { Location: { description: 'The path of the order.', schema: text } },
};

const json = (name: keyof typeof named) => ({ 'application/json': { schema: refTo(name) } });
const problem = (description: string): Answer => ({
  description,
  content: { 'application/problem+json': { schema: refTo('Problem') } },
});

const refusals = {
  400: problem('The request has faults: `errors` names each with its pointer.'),
  401: problem('The token is missing, has expired or is not one of this API.'),
  404: problem('There is no such thing, or it is not yours.'),
  503: problem('Not now; come back after `Retry-After` seconds.'),
};
const writeRefusals = {
  ...refusals,
  413: problem('The body is over 64 KiB.'),
  415: problem('The body is not JSON.'),
  504: problem('Nobody knows yet whether it was stored: send the same again, with the same name or key.'),
};

const placed: Answer = {
  description: 'The order was accepted: it is durable.',
  headers: { ...headers.location, ...headers.etag, ...headers.token },
  content: json('Order'),
};

const paths: OpenApiDocument['paths'] = {
  '/v1/orders': {
    post: {
      operationId: 'placeOrder',
      summary: 'Place an order',
      description:
        'An order is named by `clientOrderId`, else by the `Idempotency-Key`; the same name with the same terms is the same order, however often it is sent.',
      tags: ['Orders'],
      parameters: parametersOf('header', writeHeaders),
      requestBody: { required: true, content: json('PlaceOrder') },
      responses: {
        201: placed,
        200: { ...placed, description: 'The order was there already, with the same terms.' },
        ...writeRefusals,
        409: problem('There is an order of this name with other terms: `errors` names the fields that differ.'),
      },
    },
    get: {
      operationId: 'listOrders',
      summary: 'List the orders of an account',
      description: 'Newest first. An order that comes meanwhile changes no page after a cursor.',
      tags: ['Orders'],
      parameters: [
        ...parametersOf('query', ordersQuery),
        ...parametersOf('header', readHeaders.pick({ 'consistency-token': true })),
      ],
      responses: { 200: { description: 'A page of orders.', content: json('OrderPage') }, ...refusals },
    },
  },
  '/v1/orders/{id}': {
    get: {
      operationId: 'getOrder',
      summary: 'Read an order',
      description: 'As it stands, or with `asOf` as it was: folded from its events up to there, by the same code.',
      tags: ['Orders'],
      parameters: [
        ...parametersOf('path', orderPath),
        ...parametersOf('query', orderQuery),
        ...parametersOf('header', readHeaders),
      ],
      responses: {
        200: { description: 'The order.', headers: headers.etag, content: json('Order') },
        304: { description: 'The ETag still holds.' },
        ...refusals,
      },
    },
  },
  '/v1/orders/{id}/cancel': {
    post: {
      operationId: 'cancelOrder',
      summary: 'Ask to cancel an order',
      description: 'The order shows `pendingCancel`; it is cancelled only when the broker says so.',
      tags: ['Orders'],
      parameters: [...parametersOf('path', orderPath), ...parametersOf('header', writeHeaders)],
      requestBody: { required: false, content: json('CancelOrder') },
      responses: {
        202: { ...placed, description: 'The wish is stored.' },
        ...writeRefusals,
        409: problem('A cancel was asked for already, or the order is no longer open.'),
      },
    },
  },
  '/v1/orders/{id}/events': {
    get: {
      operationId: 'getOrderEvents',
      summary: 'Read the history of an order',
      description: 'Every stored event, the first one first; always up to date.',
      tags: ['Orders'],
      parameters: parametersOf('path', orderPath),
      responses: { 200: { description: 'The history.', headers: headers.etag, content: json('OrderEvents') }, ...refusals },
    },
  },
  '/v1/stream': {
    get: {
      operationId: 'openStream',
      summary: 'Open the stream of your accounts (WebSocket)',
      description:
        'A WebSocket (RFC 6455) with the bearer token in the header of the upgrade. Say `StreamClientMessage`, hear `StreamServerMessage`: JSON text, at most 16 KiB from the client. Entries of an account have sequences that rise by one; after a break, subscribe `after` the last one you have, and nothing is missed or repeated. A heartbeat comes each 15 s. Closed with 4401 when the token expires, 4429 after too many messages, 1012 when the service restarts: connect again.',
      tags: ['Stream'],
      parameters: [],
      responses: {
        101: { description: 'The stream is open.' },
        401: refusals[401],
        429: problem('This subject has 20 open streams already.'),
        503: refusals[503],
      },
    },
  },
};

/** OpenAPI 3.1 of all HTTP of the fleet, made from the schemas that check the requests. */
export function openApiDocument(): OpenApiDocument {
  return {
    openapi: '3.1.1',
    info: {
      title: 'TradeCore',
      version: '1',
      summary: 'Place orders, see them, and follow your accounts.',
      description:
        'Quantities and prices are exact decimals in strings. Times are RFC 3339, UTC. An account that is not named by your token is answered as one that is not there. Errors are problem documents (RFC 9457); their `type` is stable. Send `X-Correlation-Id` (a UUID) and `traceparent` to find your request again.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    tags: [
      { name: 'Orders', description: 'Orders and their history.' },
      { name: 'Stream', description: 'What happens in your accounts, as it happens.' },
    ],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT (RFC 9068, at+jwt)' } },
    },
  };
}
