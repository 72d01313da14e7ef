import type { OpenApiDocument } from './document.ts';
import { componentSchemas, operationOf } from './parts.ts';
import { readRoutes, streamPaths } from './reads.ts';
import { writeRoutes } from './write-routes.ts';

const routes = Map.groupBy([...writeRoutes, ...readRoutes], ({ path }) => path);
const paths: OpenApiDocument['paths'] = {
  ...Object.fromEntries(
    [...routes].map(([path, own]) => [path, Object.fromEntries(own.map((each) => [each.method, operationOf(each)]))]),
  ),
  ...streamPaths,
};

/** The methods of each path, in capitals: so each service knows the whole API. */
export const apiPaths: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [path, Object.keys(methods).map((each) => each.toUpperCase())]),
  ),
  '/openapi.json': ['GET'],
  '/asyncapi.json': ['GET'],
  '/docs': ['GET'],
};

/** OpenAPI 3.1 of the fleet's HTTP API, made from the schemas that check the requests. */
export function openApiDocument(): OpenApiDocument {
  return {
    openapi: '3.1.1',
    info: {
      title: 'TradeCore',
      version: '1',
      summary: 'Place orders, read orders and money, and follow your accounts.',
      description:
        'Quantities, prices and money are exact decimals in strings. Times are RFC 3339, UTC. Your accounts are those that your token names, those that you opened, and those that an operator granted you access to; any other account is answered like one that does not exist. Errors are problem documents (RFC 9457); their `type` is stable. A token has the scopes in its `scope`, or `read` and `trade` if it has none; `security` lists the scope that an operation needs, or the roles that may call it. A method that a path does not support is answered 405 with `Allow`. `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` of each answer show how many requests per second your subject has left. Send `X-Correlation-Id` (a UUID) or `traceparent` to trace a request.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    tags: [
      { name: 'Orders', description: 'Orders and their history.' },
      { name: 'Accounts', description: 'Money, positions and their history.' },
      { name: 'Operators', description: 'Access, limits and the kill switch, for tokens with the role `operator`.' },
      { name: 'Stream', description: 'Changes in your accounts as they happen.' },
    ],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT (RFC 9068, at+jwt)',
          description: 'Scopes: `read`, `trade`, `transfer`. Roles: `client`, `operator`, `treasury`.',
        },
      },
    },
  };
}
