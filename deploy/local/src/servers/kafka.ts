import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../runner/console.ts';
import { root } from '../runner/home.ts';
import { accepts } from '../runner/ports.ts';
import { finish, type Program } from '../runner/processes.ts';
import type { ServerPlace } from './server-place.ts';

/** The broker's two ports: for clients, and for its own controller. */
export interface KafkaPorts {
  readonly clients: number;
  readonly controller: number;
}

/** What a broker has beyond a developer's: settings over ours, and logins as StorageTool's `--add-scram` takes them. */
export interface KafkaMore {
  /** It ends within minutes: Java's second compiler would cost more than it gives (300 tests: 94 s of CPU, 65 without). */
  readonly isShortLived?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
  readonly logins?: readonly string[];
}

const here = join(root, 'deploy', 'local', 'kafka');

const libs = join(root, '.local', 'kafka', 'libs');

/** Fetches the broker's jars through Maven, once. */
export async function fetchJars(): Promise<void> {
  if (existsSync(join(libs, '.complete'))) return;
  rmSync(libs, { recursive: true, force: true });
  mkdirSync(libs, { recursive: true });
  const args = ['-q', '-B', '-f', join(here, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${libs}`];
  const { code, output } = await finish('mvn', args, {});
  if (code !== 0) throw new Refusal(`The broker's jars could not be fetched (mvn ${args.join(' ')}):\n${output}`);
  writeFileSync(join(libs, '.complete'), '');
}

/**
 * Apache Kafka in KRaft mode, one process that is broker and controller: formats its folder at the first start. Needs
 * the jars.
 */
export function kafka(place: ServerPlace, ports: KafkaPorts, more: KafkaMore = {}): Program {
  const jars = place.program(libs);
  const data = place.folder('kafka');
  const own = (file: string) => {
    if (place.account) chownSync(file, place.account.uid, place.account.gid);
    return file;
  };
  const properties = join(data, 'server.properties');
  const logging = join(data, 'log4j.properties');
  writeFileSync(properties, linesOf({ ...settings(ports, join(data, 'log')), ...more.settings }));
  copyFileSync(join(here, 'log4j.properties'), logging);
  own(properties);
  own(logging);
  const java = process.env['JAVA_HOME'] ? join(process.env['JAVA_HOME'], 'bin', 'java') : 'java';
  const compiler = more.isShortLived ? ['-XX:TieredStopAtLevel=1'] : [];
  const heap = ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC'];
  const jvm = [...compiler, ...heap, '-Djava.awt.headless=true', `-Dlog4j.configuration=file:${logging}`];
  const classpath = ['-cp', `${jars}/*`];
  if (!existsSync(join(data, 'log', 'meta.properties'))) {
    const logins = (more.logins ?? []).flatMap((login) => ['--add-scram', login]);
    const how = ['format', '-t', clusterId(), '-c', properties, ...logins];
    format(java, [...jvm, ...classpath, 'kafka.tools.StorageTool', ...how], place);
  }
  return {
    name: 'kafka',
    command: java,
    args: [...jvm, ...classpath, 'kafka.Kafka', properties],
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: data,
    account: place.account,
    isReady: () => accepts(ports.clients),
    readyWithinMs: 60_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 20_000,
  };
}

/** 16 random bytes as base64url, without a leading dash, which the tool would read as an option. */
function clusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}

function format(java: string, args: readonly string[], place: ServerPlace): void {
  const { status, stdout, stderr, error } = spawnSync(java, args, {
    encoding: 'utf8',
    cwd: place.folder('kafka'),
    ...place.account,
  });
  if (status !== 0) throw new Refusal(`The broker's folder could not be formatted:\n${error?.message ?? `${stdout}${stderr}`}`);
}

/** One machine, one broker: one replica, no rebalance delay, topics only by declaration. */
function settings({ clients, controller }: KafkaPorts, log: string): Record<string, string | number | boolean> {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${clients},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${clients}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': log,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.partition.verification.enable': false,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
    'min.insync.replicas': 1,
    'num.partitions': 6,
    'auto.create.topics.enable': false,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 2097152,
    'message.max.bytes': 1048588,
  };
}

const linesOf = (all: Readonly<Record<string, unknown>>): string =>
  Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
