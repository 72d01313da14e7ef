import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '@tradecore/local/runner/console.ts';
import { homeAt, root, type Home } from '@tradecore/local/runner/home.ts';
import { accepts } from '@tradecore/local/runner/ports.ts';
import { Supervised, type Program } from '@tradecore/local/runner/processes.ts';
import { debianPackages, installLine, librariesOf, onPath } from '@tradecore/local/servers/debian.ts';
import { fetchJars, kafka } from '@tradecore/local/servers/kafka.ts';
import { postgres, postgresUrl } from '@tradecore/local/servers/postgres.ts';
import { redis } from '@tradecore/local/servers/redis.ts';
import { serverPlace, type ServerPlace } from '@tradecore/local/servers/server-place.ts';
import { freePort } from '../world.ts';
import { Authority, type Pair } from './authority.ts';

/** Servers as a provider runs them: with certificates of an authority of its own, with logins, behind a pooler. */
export class ManagedServers {
  readonly home: Home;
  readonly place: ServerPlace;
  readonly authority: Authority;
  /** Of `localhost`, the name of every server here. */
  readonly certificate: Pair;
  readonly #running: Supervised[] = [];

  constructor() {
    this.home = homeAt(mkdtempSync(join(tmpdir(), 'managed-')));
    this.place = serverPlace(this.home);
    this.authority = new Authority(this.place);
    this.certificate = this.authority.sign('localhost');
  }

  /** Stops them; nothing of them stays. */
  async end(): Promise<void> {
    await Promise.all(this.#running.map((each) => each.stop()));
    for (const path of [this.home.path, this.place.path]) rmSync(path, { recursive: true, force: true });
  }

  /**
   * Apache Kafka that lets nobody in without a password of `passwords` (by login; PLAIN and SCRAM) or a certificate of
   * the authority, and lets them do what its access list says. On the plain listener everybody may do everything.
   */
  async startKafka(passwords: Readonly<Record<string, string>>): Promise<ManagedKafka> {
    await fetchJars();
    const [clients, controller, login, certified] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const jaas = 'org.apache.kafka.common.security';
    const users = Object.entries(passwords);
    const plain = users.map(([name, password]) => `user_${name}="${password}"`).join(' ');
    const settings = {
      listeners: `PLAINTEXT://127.0.0.1:${clients},CONTROLLER://127.0.0.1:${controller},SASL_SSL://127.0.0.1:${login},SSL://127.0.0.1:${certified}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${clients},SASL_SSL://localhost:${login},SSL://localhost:${certified}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.sasl_ssl.plain.sasl.jaas.config': `${jaas}.plain.PlainLoginModule required ${plain};`,
      'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': `${jaas}.scram.ScramLoginModule required;`,
      'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${jaas}.scram.ScramLoginModule required;`,
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': this.certificate.both,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': this.authority.file,
      'listener.name.ssl.ssl.client.auth': 'required',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    };
    const logins = users.flatMap(([name, password]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((mechanism) => `${mechanism}=[name=${name},password=${password}]`),
    );
    const program = kafka(this.place, { clients, controller }, { settings, logins, isShortLived: true });
    const briefly = { JAVA_TOOL_OPTIONS: '-XX:TieredStopAtLevel=1' }; // it lives too short to gain from more
    const { log } = await this.#start({ ...program, env: { ...program.env, ...briefly } });
    return { plain: `127.0.0.1:${clients}`, login: `localhost:${login}`, certified: `localhost:${certified}`, log };
  }

  /** PostgreSQL that speaks TLS to who wants it. Returns the owner's URL, in the clear. */
  async startPostgres(): Promise<URL> {
    const port = await freePort();
    const program = postgres(this.home, this.place, { port, durability: 'fast', build: 'npm' });
    const tls = { ssl: 'on', ssl_cert_file: this.certificate.cert, ssl_key_file: this.certificate.key };
    const settings = Object.entries(tls).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    await this.#start({ ...program, args: [...program.args, ...settings] });
    return new URL(postgresUrl(this.home, port, 'postgres'));
  }

  /** PgBouncer, as Debian sets it up, in front of this server and its databases; in this mode. Returns the URL of the same owner. */
  async startPooler(server: URL, mode: 'session' | 'transaction'): Promise<URL> {
    const [port, folder] = [await freePort(), this.place.folder(`pgbouncer-${mode}`)];
    const write = (name: string, text: string): string => {
      const file = join(folder, name);
      writeFileSync(file, text);
      if (this.place.account) chownSync(file, this.place.account.uid, this.place.account.gid);
      return file;
    };
    const users = write('users.txt', `"${server.username}" "${decodeURIComponent(server.password)}"\n`);
    const config = write(
      'pgbouncer.ini',
      `[databases]\n* = host=127.0.0.1 port=${server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = ${users}\npool_mode = ${mode}\n`,
    );
    await this.#start({
      name: `pgbouncer-${mode}`,
      ...pgbouncer(this.place),
      args: [config],
      cwd: folder,
      account: this.place.account,
      isReady: () => accepts(port),
      readyWithinMs: 20_000,
      stopSignal: 'SIGINT',
      stopWithinMs: 5_000,
    });
    const url = new URL(server);
    url.port = String(port);
    return url;
  }

  /** Redis that speaks TLS only. Returns its URL. */
  async startRedis(): Promise<string> {
    const [plain, port] = [await freePort(), await freePort()];
    const program = redis(this.place, plain);
    const { cert, key } = this.certificate;
    const tls = [
      '--tls-port',
      String(port),
      '--tls-cert-file',
      cert,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      this.authority.file,
    ];
    await this.#start({ ...program, args: [...program.args, ...tls, '--tls-auth-clients', 'no'] });
    return `rediss://localhost:${port}`;
  }

  async #start(program: Program): Promise<Supervised> {
    const server = new Supervised(this.home, program, ({ name, how, log }) =>
      process.stderr.write(`${name} ended (${how}): ${log}\n`),
    );
    this.#running.push(server);
    await server.start();
    return server;
  }
}

/** The addresses of its listeners: for everybody, for logins, for certificates. */
export interface ManagedKafka {
  readonly plain: string;
  readonly login: string;
  readonly certified: string;
  /** The file in which it says whom it refused what. */
  readonly log: string;
}

/** PgBouncer on the PATH, else Debian's package, unpacked once. */
function pgbouncer(place: ServerPlace): { command: string; env: Record<string, string> } {
  const PATH = process.env['PATH'] ?? '';
  const system = onPath('pgbouncer');
  if (system) return { command: system, env: { PATH } };
  const missing = (why: string): Refusal =>
    new Refusal(`PgBouncer is missing: neither on the PATH nor in Debian's packages (${why}). ${installLine('pgbouncer')}`);
  const at = place.program(debianPackages(join(root, '.local', 'pgbouncer'), ['pgbouncer'], missing));
  return { command: join(at, 'usr', 'sbin', 'pgbouncer'), env: { PATH, LD_LIBRARY_PATH: librariesOf(at) } };
}
