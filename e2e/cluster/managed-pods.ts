/** A server that is no part of a release. */
export interface ManagedPod {
  readonly name: keyof typeof ports;
  readonly port: number;
  /** Under which it runs. */
  readonly account: number;
  /** Files of its own in /files, beside its certificates. */
  readonly files: Readonly<Record<string, string>>;
  readonly container: object;
}

/** Where each listens. */
export const ports = { postgres: 5432, kafka: 9093, redis: 6379, issuer: 8443 };

/** The login of the fleet at Kafka. */
export const kafkaLogin = 'fleet';

/** An identity provider: the address that stands in its tokens, and the image with the program. */
interface IssuerOptions {
  readonly url: string;
  readonly image: string;
}

/** What runs, with this password for each login; `hostOf` says under which name a server is found. */
export function managedPods(password: string, issuer: IssuerOptions, hostOf: (name: string) => string): ManagedPod[] {
  return [postgres(password), kafka(password, hostOf('kafka')), redis(password), issuerPod(issuer)];
}

/** It takes nobody from outside without TLS. */
function postgres(password: string): ManagedPod {
  const settings = {
    ssl: 'on',
    ssl_cert_file: '/files/tls.crt',
    ssl_key_file: '/files/tls.key',
    hba_file: '/files/pg_hba.conf',
    max_connections: '300',
  };
  return {
    ...{ name: 'postgres', port: ports.postgres, account: 999 },
    files: { 'pg_hba.conf': 'local all all trust\nhostssl all all all scram-sha-256\n' },
    container: {
      image: 'postgres:17.6-bookworm',
      args: ['postgres', ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      env: [
        { name: 'PGDATA', value: '/data/postgres' },
        { name: 'POSTGRES_USER', value: 'tradecore' },
        { name: 'POSTGRES_PASSWORD', value: password },
      ],
    },
  };
}

/** One process, broker and controller; whoever comes from outside comes over TLS and logs in. */
function kafka(password: string, host: string): ManagedPod {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': '1@127.0.0.1:9094',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: `PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9094,SASL_SSL://:${ports.kafka}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:9092,SASL_SSL://${host}:${ports.kafka}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': '/files/both.pem',
    'log.dirs': '/data/kraft',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'transaction.partition.verification.enable': 'false',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
  };
  const login = `SCRAM-SHA-512=[name=${kafkaLogin},password=${password}]`;
  const start = `
    /opt/kafka/bin/kafka-storage.sh format -t 5L6g3nShT-eMCtK--X86sw -c /files/server.properties --add-scram '${login}'
    exec /opt/kafka/bin/kafka-server-start.sh /files/server.properties`;
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  return {
    ...{ name: 'kafka', port: ports.kafka, account: 1000 },
    files: { 'server.properties': lines.join('') },
    container: {
      image: 'apache/kafka:3.9.1',
      command: ['sh', '-ec', start],
      env: [
        { name: 'KAFKA_HEAP_OPTS', value: '-Xms256m -Xmx512m' },
        { name: 'LOG_DIR', value: '/tmp' },
      ],
    },
  };
}

function redis(password: string): ManagedPod {
  const files = { '--tls-cert-file': 'tls.crt', '--tls-key-file': 'tls.key', '--tls-ca-cert-file': 'ca.crt' };
  const tls = Object.entries(files).flatMap(([option, file]) => [option, `/files/${file}`]);
  const options = ['--port', '0', '--tls-port', String(ports.redis), ...tls, '--tls-auth-clients', 'no'];
  const command = ['redis-server', ...options, '--requirepass', password, '--save', '', '--dir', '/tmp'];
  return {
    ...{ name: 'redis', port: ports.redis, account: 999, files: {} },
    container: { image: 'redis:7.4.5-bookworm', command },
  };
}

/** The issuer of the fleet's own image, in the place of a company's. */
function issuerPod({ url, image }: IssuerOptions): ManagedPod {
  const env = {
    HOST: '0.0.0.0',
    PORT: String(ports.issuer),
    ADMIN_PORT: '9081',
    ISSUER: url,
    ISSUER_KEY_FILE: '/files/signing',
    TLS_CERT_FILE: '/files/tls.crt',
    TLS_KEY_FILE: '/files/tls.key',
  };
  return {
    ...{ name: 'issuer', port: ports.issuer, account: 10001, files: {} },
    container: {
      image,
      args: ['services/token-issuer/dist/main.js'],
      env: Object.entries(env).map(([name, value]) => ({ name, value })),
    },
  };
}
