import { isIP } from 'node:net';
import { counter, logger } from '@tradecore/telemetry';
import { Redis, type RedisOptions } from 'ioredis';
import type { Config } from '../run/config.ts';

const log = logger('redis');
const redisErrors = counter({ name: 'tradecore_redis_errors_total', help: 'Connections to Redis that failed or broke.' });

/** Redis is a cache and a hint: nothing waits for it, nothing is queued for it. */
export function openRedis(name: string, config: Config, options: RedisOptions = {}): Redis {
  const tls = tlsOf(config);
  const redis = new Redis(config.REDIS_URL, {
    connectionName: name,
    ...(tls && { tls }),
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    commandTimeout: 1000,
    socketTimeout: 5000, // of silence while a command waits: detects a server that vanished
    retryStrategy: (times) => Math.min(times * 100, 5000),
    ...options,
  });
  redis.on('error', (error: Error) => {
    redisErrors.inc();
    log.debug({ err: error }, 'Redis is unavailable');
  });
  redis.connect().catch(() => undefined); // reported by 'error'; retried
  return redis;
}

/** Of a `rediss:` URL: whom to trust, and the server's name, which the client does not tell it otherwise. */
function tlsOf({ REDIS_URL, REDIS_CA }: Config): RedisOptions['tls'] {
  const { protocol, hostname } = new URL(REDIS_URL);
  if (protocol !== 'rediss:') return undefined;
  const isName = isIP(hostname.replace(/^\[|\]$/g, '')) === 0;
  return { ...(isName && { servername: hostname }), ...(REDIS_CA !== undefined && { ca: REDIS_CA }) };
}

export { Redis };
