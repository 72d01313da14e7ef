import type { Database } from '@tradecore/checks';
import { createKafkaClient, type KafkaClient } from '@tradecore/messaging';
import { environment, kafkaSettings, readConfig, type Environment } from '@tradecore/service/config';
import { mustOwnSessions, poolLimits } from '@tradecore/event-sourcing';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { withLocal } from './local-settings.ts';

/** The fleet that is operated: its database as the operator's role sees it, and its broker. */
export interface Fleet {
  /** Of the database: for a session of one's own. */
  readonly url: string;
  readonly dataSource: DataSource;
  readonly database: Database;
  readonly kafka: KafkaClient;
  /** The API, and with which token an operator asks there. */
  readonly door: { readonly url?: string | undefined; readonly token?: string | undefined };
  /** The admin doors that can be reached from here, by the name of the process. */
  readonly admins: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** An operator may compare everything; nothing waits for it. */
const statementMs = 3_600_000;

const ownSettings = {
  DOOR_URL: z
    .url()
    .optional()
    .meta({ examples: ['https://api.example.com'] }),
  /** An operator's access token. */
  TOKEN: z.string().optional().meta({ secret: true }),
  /** Blanks between several. */
  ADMIN_URLS: z
    .string()
    .default('')
    .refine((text) => namedUrls(text).every(([, url]) => URL.canParse(url)), 'must be name=url, with a blank between two')
    .transform((text): ReadonlyMap<string, string> => new Map(namedUrls(text)))
    .meta({ examples: ['order-saga=http://127.0.0.1:9088'] }),
};

function namedUrls(text: string): [name: string, url: string][] {
  return text.split(' ').flatMap((each) => {
    const at = each.indexOf('=');
    return each === '' ? [] : [[each.slice(0, at), each.slice(at + 1)]];
  });
}

/**
 * Connects with DATABASE_URL, KAFKA_BROKERS and NAMESPACE of `env` (and DOOR_URL, TOKEN, ADMIN_URLS); where DATABASE_URL is not set, with what the
 * fleet of `npm start` in this folder (or in TRADECORE_HOME) has left. Throws `ConfigFaults`, `SessionsShared`, or what the database answers.
 */
export async function openFleet(env: Environment = environment()): Promise<Fleet> {
  const settings = withLocal(env, 'DATABASE_URL', 'operator.env');
  const config = readConfig({ uses: ['postgres', 'kafka'], http: false, own: ownSettings }, settings);
  const dataSource = await new DataSource({
    type: 'postgres',
    url: config.DATABASE_URL,
    applicationName: 'operate',
    poolSize: 2,
    installExtensions: false,
    // What a command reads may be locked by the very session that it is to find.
    extra: { ...poolLimits(statementMs), lock_timeout: 2000 },
  }).initialize();
  await mustOwnSessions(dataSource, config.DATABASE_URL).catch(async (error: unknown) => {
    await dataSource.destroy();
    throw error;
  });
  const kafka = createKafkaClient(kafkaSettings('operate', config));
  return {
    url: config.DATABASE_URL,
    dataSource,
    database: dataSource,
    kafka,
    door: { url: config.DOOR_URL, token: config.TOKEN },
    admins: config.ADMIN_URLS,
    close: async () => {
      await kafka.close();
      await dataSource.destroy();
    },
  };
}
