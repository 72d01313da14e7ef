import { z } from 'zod';
import { clientMessage, serverMessage, streamProtocol } from '../stream.ts';
import type { JsonSchema } from './document.ts';

interface Message {
  readonly name: string;
  readonly summary?: string;
  readonly payload: JsonSchema;
}

/** Each member of a union of messages, by the value of its `type`. */
function messagesOf(union: typeof clientMessage | typeof serverMessage): Record<string, Message> {
  return Object.fromEntries(
    union.options.map((option) => {
      const { $schema: _, description, ...payload } = z.toJSONSchema(option, { io: 'input' }) as JsonSchema;
      const name = option.shape.type.value;
      return [name, { name, ...(description !== undefined && { summary: description }), payload }];
    }),
  );
}

const [asked, told] = [messagesOf(clientMessage), messagesOf(serverMessage)];
const channel = { $ref: '#/channels/stream' };
const referred = (messages: object, path: string) => Object.keys(messages).map((name) => ({ $ref: `${path}/${name}` }));

/**
 * AsyncAPI 3.0 of the stream, made from the schemas that check its messages. Operations are from the service's side: it
 * receives what clients send.
 */
export function asyncApiDocument() {
  const messages = { ...asked, ...told };
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'TradeCore stream',
      version: '1',
      description:
        'Changes in your accounts as they happen, over a WebSocket. Subscribe to an account, from now on or after the last entry that you have; each change arrives once, in order. `openapi.json` describes the requests.',
    },
    defaultContentType: 'application/json',
    servers: {
      fleet: {
        host: '{host}',
        protocol: 'wss',
        description: 'The address of the fleet; `ws` if it serves plain HTTP.',
        variables: { host: { default: '127.0.0.1:8080' } },
        security: [{ $ref: '#/components/securitySchemes/bearer' }],
      },
    },
    channels: {
      stream: {
        address: '/v1/stream',
        messages: Object.fromEntries(Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }])),
        description: `One connection, subprotocol \`${streamProtocol}\`; it may follow several accounts.`,
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
    },
    operations: {
      ask: {
        action: 'receive',
        channel,
        summary: 'Messages of the client.',
        messages: referred(asked, '#/channels/stream/messages'),
      },
      tell: {
        action: 'send',
        channel,
        summary: 'Messages of the service.',
        messages: referred(told, '#/channels/stream/messages'),
      },
    },
    components: {
      messages,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT (RFC 9068, at+jwt)',
          description:
            'In the request that opens the stream; a browser instead offers the subprotocol `ticket.<ticket>`, from `POST /v1/stream-tickets`.',
        },
      },
    },
  };
}
