import {
  componentOf,
  describeChart,
  env,
  helm,
  manifests,
  named,
  ofKind,
  podOf,
  templateOf,
  workloads,
  type Json,
  type World,
} from './render.ts';

const all = helm ? manifests('zero') : [];
const policies = ofKind('NetworkPolicy', all);
const labels = 'app.kubernetes.io/component';
const policyOf = (component: string, of = policies): Json => named(`trade-tradecore-${component}`, of)['spec']!;
const portsOf = (rule: Json): unknown[] => rule['ports']!.map(({ port }) => port);
/** Components that a rule names. */
const peersOf = (peers: Json | undefined): unknown[] =>
  peers?.map(({ podSelector }) => podSelector!['matchLabels']![labels]) ?? [];
/** Where a pod may go beside names: the bundled component, or the port where anybody may listen. */
const egress = (component: string, of = policies): unknown[] =>
  [...(policyOf(component, of)['egress'] ?? [])].flatMap((rule) => (rule['to'] ? peersOf(rule['to']) : portsOf(rule)));

describeChart('network policies', () => {
  it('close every pod in both directions, except for DNS, metrics and health', () => {
    const base = named('trade-tradecore', policies)['spec']!;
    expect(base['policyTypes']).toEqual(['Ingress', 'Egress']);
    const ports = [{ port: 'admin', protocol: 'TCP' }];
    const from = ['test', 'operate'].map((component) => ({
      podSelector: { matchLabels: expect.objectContaining({ [labels]: component }) },
    }));
    expect(base['ingress']).toEqual([{ ports, from }]);
    const scraped = named('desk', ofKind('NetworkPolicy', manifests('full')))['spec']!;
    const scraper = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } };
    expect(scraped['ingress']).toEqual([{ ports, from: [...from, scraper] }]);
    expect(base['egress']!.map(portsOf)).toEqual([[53, 53]]);
    const selected = Object.entries(base['podSelector']!['matchLabels']!);
    for (const workload of workloads(all)) {
      expect(Object.entries(templateOf(workload)['metadata']!['labels']!)).toEqual(expect.arrayContaining(selected));
    }
  });

  it('let each service connect only to the servers in its settings', () => {
    for (const deployment of ofKind('Deployment', all)) {
      const component = componentOf(deployment);
      if (['redis', 'console'].includes(component)) continue;
      const settings = env(podOf(deployment));
      expect([component, ...egress(component)]).toEqual([
        component,
        ...(settings.has('KAFKA_BROKERS') ? ['redpanda'] : []),
        ...(settings.has('DATABASE_URL') ? ['postgres'] : []),
        ...(settings.has('REDIS_URL') ? ['redis'] : []),
        ...(settings.has('JWT_JWKS_URL') ? ['token-issuer'] : []),
        ...(settings.has('BROKER_URL') ? ['paper-broker'] : []),
        ...(settings.has('COMMANDS_URL') ? ['command-api', 'query-api'] : []),
        // The operator's door, and the admin ports of all.
        ...(settings.has('DOOR_URL') ? ['gateway', undefined] : []),
      ]);
    }
    expect(egress('migrator')).toEqual(['postgres', 'redpanda']);
    expect(egress('console')).toEqual(['redpanda']);
  });

  it.each([
    ['postgres', 'DATABASE_URL'],
    ['redpanda', 'KAFKA_BROKERS'],
    ['redis', 'REDIS_URL'],
  ])('let into %s exactly the pods that have its address', (server, setting) => {
    const [rule] = policyOf(server)['ingress']!;
    const selected = Object.entries(rule!['from']![0]!['podSelector']!['matchLabels']!);
    const admitted = workloads(all).filter((workload) => {
      const carried = templateOf(workload)['metadata']!['labels']!;
      return selected.every(([name, value]) => carried[name] === value);
    });
    const knowing = workloads(all).filter((each) => podOf(each)['containers']![0]!['env']?.some(({ name }) => name === setting));
    expect(admitted.map(componentOf).sort()).toEqual(knowing.map(componentOf).sort());
    expect(knowing.length).toBeGreaterThan(5);
  });

  it('open one address to clients, the doors to it alone, and the rest to whom it serves', () => {
    expect(policyOf('gateway')['ingress']).toEqual([{ ports: [{ port: 'http', protocol: 'TCP' }] }]);
    const callers = (component: string) => peersOf(policyOf(component)['ingress']![0]!['from']);
    expect(callers('command-api')).toEqual(['gateway', 'test']);
    expect(callers('query-api')).toEqual(['gateway', 'test']);
    expect(callers('paper-broker')).toEqual(['broker-gateway']);
    expect(callers('token-issuer')).toEqual(['command-api', 'query-api', 'test']);
    expect(policyOf('console')['ingress']).toBeUndefined();
    const open = policies.filter(({ spec }) => spec!['ingress']?.some((rule) => !('from' in rule))).map(componentOf);
    expect(open).toEqual(['gateway']);
  });

  it('open the doors to the clients of the values where a route takes the place of the gateway', () => {
    const [rule] = named('desk-query-api', ofKind('NetworkPolicy', manifests('full')))['spec']!['ingress']!;
    expect(rule!['from']).toHaveLength(2);
    expect(rule!['from']![1]).toEqual({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'gateways' } } });
  });

  it('follow the addresses unless values override them', () => {
    const rules = (...more: string[]) =>
      named('trade-tradecore-broker-gateway', ofKind('NetworkPolicy', manifests('external', ...more)))['spec']!['egress']!;
    expect(rules().map(portsOf)).toEqual([[9092], [5432], [443]]);
    const changed = ['broker.streamUrl=wss://stream:8443', 'networkPolicies.ports.kafka={9094}', 'postgres.external.port=6432'];
    expect(rules(...changed.flatMap((each) => ['--set', each])).map(portsOf)).toEqual([[9094], [6432], [443, 8443]]);
    const [, rule] = rules('--set', 'networkPolicies.to.postgres[0].ipBlock.cidr=10.20.0.0/16');
    expect(rule!['to']).toEqual([{ ipBlock: { cidr: '10.20.0.0/16' } }]);
  });

  it('are left out on demand', () => {
    expect(ofKind('NetworkPolicy', manifests('zero', '--set', 'networkPolicies.enabled=false'))).toEqual([]);
  });
});

describeChart('helm test', () => {
  const tests = (world: World, ...more: string[]) =>
    ofKind('Pod', manifests(world, ...more))
      .map(({ metadata }) => metadata!['name']!.replace(/^.*-/, ''))
      .sort();

  it('trades with a token of the bundled issuer or with yours, and never at a real brokerage', () => {
    const token = ['--set', 'helmTest.tokenSecret=tester'];
    expect(tests('zero')).toEqual(['ready', 'trade']);
    const login = ['--set', 'jwt.issuer=https://login/,jwt.jwksUrl=https://login/jwks.json'];
    expect(tests('zero', ...login)).toEqual(['ready']);
    expect(tests('zero', ...login, ...token)).toEqual(['ready', 'trade']);
    expect(tests('external', ...token)).toEqual(['ready']);
  });
});

describeChart('the books of the paper broker', () => {
  const claims = (...more: string[]) => {
    const made = manifests('zero', ...more);
    const pod = podOf(named('trade-tradecore-paper-broker', ofKind('Deployment', made)));
    const own = ofKind('PersistentVolumeClaim', made).filter((each) => componentOf(each) === 'paper-broker');
    return { made: own.length, state: pod['volumes']!.find(({ name }) => name === 'state') };
  };

  it('are on a volume of the release, on an existing claim, or in the pod', () => {
    expect(claims()).toEqual({
      made: 1,
      state: { name: 'state', persistentVolumeClaim: { claimName: 'trade-tradecore-paper-broker' } },
    });
    expect(claims('--set', 'broker.paper.existingClaim=mine')).toEqual({
      made: 0,
      state: { name: 'state', persistentVolumeClaim: { claimName: 'mine' } },
    });
    expect(claims('--set', 'broker.paper.size=')).toEqual({
      made: 0,
      state: { name: 'state', emptyDir: { sizeLimit: '256Mi' } },
    });
  });
});
