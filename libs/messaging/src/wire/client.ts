import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import kafkajs, { type ISocketFactoryArgs, type Kafka, type SASLOptions } from 'kafkajs';
import { cutOnPurpose, logCreator } from './kafka-log.ts';
import { patchKafkajs } from './kafkajs-patches.ts';

/** How to reach the broker. */
export interface ClientSettings {
  /** host:port of at least one broker. */
  readonly brokers: readonly string[];
  /** The service's name; appears in the broker's logs. */
  readonly clientId: string;
  /**
   * Encrypts connections and verifies the broker's certificate and name, by the authorities that Node knows if there is
   * no `ca`. Texts in PEM.
   */
  readonly tls?: { readonly ca?: string | undefined; readonly cert?: string | undefined; readonly key?: string | undefined };
  /** Who we are. */
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  };
}

/** A kafkajs client and a way to cut its connections at once. */
export interface Client {
  readonly kafka: Kafka;
  /** Destroys every socket, including those that kafkajs opens later. Requests in flight fail; waits for nothing. */
  cut(): void;
}

const keepAliveMs = 60_000;

/**
 * Opens sockets as kafkajs does, but without Nagle's delay: a small request must not wait for the previous
 * acknowledgement.
 */
function openSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
  const named = isIP(host) ? {} : { servername: host };
  const socket = ssl ? connectTls({ host, port, ...named, ...ssl }, onConnect) : connect({ host, port }, onConnect);
  socket.setKeepAlive(true, keepAliveMs);
  socket.setNoDelay(true);
  return socket;
}

/**
 * Each consumer and each transactional producer has its own client: kafkajs shares a group's offset map between all
 * consumers of one client, so two members of a group in one process would clear it for each other.
 */
export function createClient({ brokers, clientId, tls, sasl }: ClientSettings): Client {
  patchKafkajs();
  const sockets = new Set<Socket>();
  let isCut = false;
  const kafka = new kafkajs.Kafka({
    brokers: [...brokers],
    clientId,
    ...(tls && { ssl: tls }),
    // A copy: kafkajs keeps the authenticator in it.
    ...(sasl && { sasl: { ...sasl, mechanism: sasl.mechanism.toLowerCase() } as SASLOptions }),
    logLevel: kafkajs.logLevel.INFO,
    logCreator,
    connectionTimeout: 5_000,
    requestTimeout: 15_000,
    retry: { initialRetryTime: 50, multiplier: 2, maxRetryTime: 2_000, retries: 8 },
    socketFactory: (args) => {
      const socket = openSocket(args);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      if (isCut) socket.destroy(new Error(cutOnPurpose));
      return socket;
    },
  });
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy(new Error(cutOnPurpose));
  };
  return { kafka, cut };
}
