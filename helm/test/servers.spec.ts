import { parse } from 'yaml';
import { describeChart, env, manifests, named, ofKind, podOf, workloads, type Json, type World } from './render.ts';

describeChart('the bundled servers', () => {
  const argumentsOf = (name: string, world: World, ...more: string[]): string[] => [
    ...podOf(named(name, ofKind('StatefulSet', manifests(world, ...more))))['containers']![0]!['args']!,
  ];

  it('keep their volumes and the passwords of the database when the release goes', () => {
    const rendered = manifests('zero');
    for (const { spec } of ofKind('StatefulSet', rendered))
      expect(spec!['persistentVolumeClaimRetentionPolicy']).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
    const kept = ofKind('Secret', rendered).filter(({ metadata }) => metadata!['annotations']?.['helm.sh/resource-policy']);
    expect(kept.map(({ metadata }) => metadata!['name'])).toEqual(['trade-tradecore-logins', 'trade-tradecore-postgres']);
  });

  it('take as many connections as the pools of all pods may open, in hundreds', () => {
    const connections = (...more: string[]) =>
      argumentsOf('trade-tradecore-postgres', 'zero', ...more).find((each) => each.startsWith('max_connections='));
    // Nine logins, of two pods each in a rollout, of ten connections and one that listens; and ten more.
    expect(connections()).toBe('max_connections=300');
    expect(connections('--set', 'services.query-api.replicas=3')).toBe('max_connections=300');
    expect(connections('--set', 'services.query-api.autoscaling.max=12')).toBe('max_connections=400');
    expect(connections('--set-string', 'services.query-api.env.DATABASE_POOL_SIZE=60')).toBe('max_connections=400');
    expect(connections('--set', 'postgres.maxConnections=250')).toBe('max_connections=250');
  });

  it('run Redpanda as it runs for real: on disk before it counts, no topics by accident, as many copies as brokers', () => {
    const settings = (world: World, name: string) => {
      const { data } = named(name, ofKind('ConfigMap', manifests(world)));
      return { node: parse(data!['redpanda.yaml']!) as Settings, cluster: parse(data!['.bootstrap.yaml']!) as object };
    };
    const { node, cluster } = settings('zero', 'trade-tradecore-redpanda');
    expect(node.redpanda).toMatchObject({ developer_mode: false, empty_seed_starts_cluster: false });
    expect(node.redpanda.seed_servers).toHaveLength(1);
    expect(cluster).toMatchObject({
      auto_create_topics_enabled: false,
      write_caching_default: 'false',
      enable_consumer_group_metrics: ['group', 'partition', 'consumer_lag'],
      default_topic_replications: 1,
    });
    expect(argumentsOf('trade-tradecore-redpanda', 'zero').join(' ')).not.toContain('dev-container');
    const three = settings('ha', 'trade-tradecore-redpanda');
    expect(three.node.redpanda.seed_servers).toHaveLength(3);
    expect(three.cluster).toMatchObject({ default_topic_replications: 3 });
    const migrator = env(podOf(ofKind('Job', manifests('ha'))[0]!));
    expect(migrator.get('REPLICATION')!['value']).toBe('3');
    expect(migrator.get('KAFKA_BROKERS')!['value']!.split(',')).toHaveLength(3);
  });
  interface Settings {
    readonly redpanda: { readonly seed_servers: readonly object[] };
  }

  it('let another Kafka API stand in, by values alone', () => {
    const pod = podOf(named('trade-tradecore-redpanda', ofKind('StatefulSet', manifests('kafka'))));
    const [container] = pod['containers']!;
    expect([container!['image'], container!['command'], container!['args']]).toEqual([
      'apache/kafka:3.9.1',
      ['/etc/kafka/docker/run'],
      [],
    ]);
    expect(container!['readinessProbe']).not.toHaveProperty('httpGet');
    expect(ofKind('Deployment', manifests('kafka')).map((each) => each['metadata']!['name'])).not.toContain(
      'trade-tradecore-console',
    );
  });

  it('are absent where servers are external', () => {
    expect(ofKind('StatefulSet', manifests('external'))).toEqual([]);
    expect(JSON.stringify(manifests('external'))).not.toContain('-redis:6379');
  });

  it('that are external are trusted, and logged in to, with files of Secrets', () => {
    const rendered = manifests('external');
    const filesOf = (pod: Json): string[] =>
      (pod['volumes']!.find(({ name }) => name === 'servers')?.['projected']!['sources'] ?? []).map(
        ({ secret }) => `${secret!['name']}/${secret!['items']![0]!['key']} as ${secret!['items']![0]!['path']}`,
      );
    const ofKafka = ['kafka-ca/ca.crt as kafka-ca.crt'];
    const ofLogin = ['kafka-login/username as kafka-username', 'kafka-login/password as kafka-password'];
    const door = podOf(named('trade-tradecore-command-api', ofKind('Deployment', rendered)));
    const [ofPostgres, ofRedis] = ['database-ca/ca.crt as postgres-ca.crt', 'redis-ca/ca.crt as redis-ca.crt'];
    expect(filesOf(door)).toEqual([...ofKafka, ofPostgres, ofRedis, ...ofLogin]);
    expect(filesOf(podOf(ofKind('Job', rendered)[0]!))).toEqual([...ofKafka, ofPostgres, ...ofLogin]);
    expect(filesOf(podOf(named('trade-tradecore-notifier', ofKind('Deployment', rendered))))).toEqual([...ofKafka, ...ofLogin]);
    expect(filesOf(podOf(named('trade-tradecore-gateway', ofKind('Deployment', rendered))))).toEqual([]);
    for (const workload of workloads(rendered).filter(({ kind }) => kind !== 'Pod')) {
      const pod = podOf(workload);
      const named = [...env(pod).values()].flatMap(({ value = '' }) => value.match(/\/run\/servers\/[a-z.-]+/g) ?? []);
      const mounted = filesOf(pod).map((file) => file.replace(/^.* as /, '/run/servers/'));
      expect(named.sort()).toEqual(mounted.sort());
    }
  });

  it('may know each service by a login and a certificate of its own', () => {
    const own = ['sasl.perService=true', 'tls.certificate.existingSecret=fleet'].map((each) => `redpanda.external.${each}`);
    const rendered = manifests('external', '--set', own.join());
    const keysOf = (pod: Json) =>
      pod['volumes']!.find(({ name }) => name === 'servers')!['projected']!['sources']!.map(
        ({ secret }) => secret!['items']![0]!['key'],
      );
    expect(keysOf(podOf(ofKind('Job', rendered)[0]!))).toEqual(
      expect.arrayContaining(['migrator.username', 'migrator.password']),
    );
    const saga = podOf(named('trade-tradecore-order-saga', ofKind('Deployment', rendered)));
    expect(keysOf(saga)).toEqual(expect.arrayContaining(['tls.crt', 'tls.key', 'order-saga.username', 'order-saga.password']));
  });

  it('take numbers as tags, and a mirror in front of every image', () => {
    const rendered = manifests(
      'zero',
      '--set',
      'postgres.image.tag=17,image.tag=20261127',
      '--set',
      'global.imageRegistry=mirror',
    );
    const postgres = podOf(
      named(
        'trade-tradecore-postgres',
        rendered.filter(({ kind }) => kind === 'StatefulSet'),
      ),
    );
    const door = podOf(named('trade-tradecore-command-api', ofKind('Deployment', rendered)));
    expect([postgres, door].map((pod) => pod['containers']![0]!['image'])).toEqual([
      'mirror/postgres:17',
      'mirror/tradecore:20261127',
    ]);
  });
});
