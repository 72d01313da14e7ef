import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freshId } from '@tradecore/events';
import { Client } from '@tradecore/local/demo/client.ts';
import { Accounts, Feed, Orders, Positions, readModelMigrations } from '@tradecore/read-models';
import { readConfig, type RunningService, type ServiceOptions } from '@tradecore/service';
import { projectorService } from '@tradecore/service/projector';
import { createTestIssuer, startTestService, type TestIssuer } from '@tradecore/service/testing';
import { brokerGateway } from '../services/broker-gateway/src/broker-gateway.module.ts';
import { commandApi } from '../services/command-api/src/command-api.module.ts';
import { migrateAll, migratorConfig } from '../services/migrator/src/migrate-all.ts';
import { notifier } from '../services/notifier/src/notifier.module.ts';
import { orderSaga } from '../services/order-saga/src/order-saga.module.ts';
import { outboxRelay } from '../services/outbox-relay/src/outbox-relay.module.ts';
import { paperBroker } from '../services/paper-broker/src/paper-broker.module.ts';
import { queryApi } from '../services/query-api/src/query-api.module.ts';
import { reconciler } from '../services/reconciler/src/reconciler.module.ts';
import { freePort, setting } from './world.ts';

const projectors = [Orders, Accounts, Positions, Feed].map((each) => projectorService(each, readModelMigrations));
const services = [commandApi, queryApi, orderSaga, brokerGateway, outboxRelay, notifier, reconciler, ...projectors];

/** A whole fleet in this process, on a database of its own; each service with its own login at the broker. */
export class FleetOfLogins {
  readonly namespace: string;
  readonly #kafkaEnv: (service: string) => Readonly<Record<string, string>>;
  readonly #folder = mkdtempSync(join(tmpdir(), 'logins-'));
  readonly #running = new Map<string, RunningService>();
  #issuer: TestIssuer | undefined;

  /** `kafkaEnv`: how a service reaches the broker. */
  constructor(namespace: string, kafkaEnv: (service: string) => Readonly<Record<string, string>>) {
    this.namespace = namespace;
    this.#kafkaEnv = kafkaEnv;
  }

  /** The settings with which a service reaches its servers. */
  envOf(service: string): Record<string, string> {
    const url = new URL(setting('DATABASE_URL'));
    url.pathname = `/${this.namespace}`;
    const role = service === 'operate' ? 'operator' : service;
    if (role !== 'migrator')
      Object.assign(url, { username: `${this.namespace}_${role.replaceAll('-', '_')}`, password: `of-${role}` });
    return { DATABASE_URL: url.href, REDIS_URL: setting('REDIS_URL'), NAMESPACE: this.namespace, ...this.#kafkaEnv(service) };
  }

  /** Migrates, then starts every service. */
  async start(): Promise<void> {
    await withOwner((owner) => owner.query(`create database ${this.namespace}`));
    for (const name of [...services.map(({ name }) => name), 'operator']) writeFileSync(join(this.#folder, name), `of-${name}`);
    const own = { ROLE_PASSWORDS_DIR: this.#folder, PARTITIONS: '1' };
    await migrateAll(
      readConfig({ uses: ['postgres', 'kafka'], http: false, own: migratorConfig }, { ...this.envOf('migrator'), ...own }),
    );
    this.#issuer = await createTestIssuer();
    const port = String(await freePort());
    await this.#run(paperBroker, { PORT: port, PAPER_WALK: 'off', PAPER_PARTIAL_FILLS: '0', PAPER_TICK_MS: '20' });
    const brokerage = { BROKER_URL: `http://127.0.0.1:${port}`, BROKER_KEY_ID: 'paper', BROKER_SECRET_KEY: 'paper-secret' };
    const more = { BROKER_PRICE_MS: '100', STREAM_TICKET_KEY: 'k'.repeat(32), CHECK_ROUND: '1000', CHECK_QUIET: '500' };
    const env = { ...this.#issuer.env, ...brokerage, ...more };
    await Promise.all(services.map((each) => this.#run(each, { ...env, ...this.envOf(each.name) })));
  }

  /** Those that are not ready, with what they lack. */
  async notReady(): Promise<string[]> {
    const answers = [...this.#running.values()].map(async ({ adminUrl }) => {
      const answer = await fetch(`${adminUrl}/health/ready`);
      return answer.ok ? [] : [await answer.text()];
    });
    return (await Promise.all(answers)).flat();
  }

  /** One order, from an account's opening to its fill as query-api shows it. */
  async trade(): Promise<string> {
    const [commands = '', queries = ''] = ['command-api', 'query-api'].map((name) => this.#running.get(name)?.url);
    const [token, operator] = await Promise.all([this.#token('client'), this.#token('operator')]);
    const trader = new Client(commands, token);
    const account = await trader.openAccount(freshId());
    await new Client(commands, operator).deposit(account, '100000', freshId());
    const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '1', limitPrice: '101', timeInForce: 'day' };
    const { id } = await trader.place(account, terms);
    return (await new Client(queries, token).orderWhen(id, ({ status }) => status === 'filled')).status;
  }

  /** Stops it and leaves nothing behind in PostgreSQL. */
  async end(): Promise<void> {
    await Promise.all([...this.#running.values()].map((each) => each.stop()));
    await this.#issuer?.close();
    await withOwner(async (owner) => {
      await owner.query(`drop database if exists ${this.namespace} with (force)`);
      const { rows } = await owner.query<{ name: string }>(
        `select rolname as name from pg_roles where rolname like '${this.namespace}\\_%'`,
      );
      for (const { name } of rows) await owner.query(`drop role "${name}"`);
    });
    rmSync(this.#folder, { recursive: true });
  }

  async #run(service: ServiceOptions, env: Readonly<Record<string, string>>): Promise<void> {
    this.#running.set(service.name, await startTestService(service, { ...env, LOG_LEVEL: 'fatal', START_LIMIT: '30000' }));
  }

  async #token(role: string): Promise<string> {
    return (await this.#issuer?.token({ subject: role, role })) ?? '';
  }
}

async function withOwner(work: (owner: pg.Client) => Promise<unknown>): Promise<void> {
  const owner = new pg.Client({ connectionString: setting('DATABASE_URL') });
  await owner.connect();
  await work(owner).finally(() => owner.end());
}
