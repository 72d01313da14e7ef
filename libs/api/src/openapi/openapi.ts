import type { OpenApiDocument } from './document.ts';
import { componentSchemas } from './parts.ts';
import { readPaths } from './reads.ts';
import { writePaths } from './writes.ts';

/** Reads and writes of one path stand together. */
const paths: OpenApiDocument['paths'] = Object.fromEntries(
  [...new Set([...Object.keys(writePaths), ...Object.keys(readPaths)])].map((path) => [
    path,
    { ...writePaths[path], ...readPaths[path] },
  ]),
);

/** OpenAPI 3.1 of all HTTP of the fleet, made from the schemas that check the requests. */
export function openApiDocument(): OpenApiDocument {
  return {
    openapi: '3.1.1',
    info: {
      title: 'TradeCore',
      version: '1',
      summary: 'Place orders, see them and your money, and follow your accounts.',
      description:
        'Quantities, prices and money are exact decimals in strings. Times are RFC 3339, UTC. Your accounts are those that your token names, those that you opened, and those that an operator let you into; any other is answered as one that is not there. Errors are problem documents (RFC 9457); their `type` is stable. Send `X-Correlation-Id` (a UUID) and `traceparent` to find your request again.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    tags: [
      { name: 'Orders', description: 'Orders and their history.' },
      { name: 'Accounts', description: 'Money, positions, and what happened to them.' },
      { name: 'Operators', description: 'Access, limits and the kill switch: for tokens with the role `operator`.' },
      { name: 'Stream', description: 'What happens in your accounts, as it happens.' },
    ],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT (RFC 9068, at+jwt)' } },
    },
  };
}
