import { howToInstall } from './helm.ts';
import { describeChart, env, helm, manifests, named, ofKind, podOf, type Json } from './render.ts';

const all = helm ? manifests('minimal') : [];
const policies = ofKind('NetworkPolicy', all);
const componentOf = (manifest: Json): string => manifest['metadata']!['labels']!['app.kubernetes.io/component']!;
const deployed = ofKind('Deployment', all).map(componentOf);
const policyOf = (component: string, of = policies): Json => named(`trade-tradecore-${component}`, of)['spec']!;
/** Ports that a pod of the component may connect to, beside those of every pod. */
const egress = (component: string, of = policies): unknown[] =>
  [...(policyOf(component, of)['egress'] ?? [])].flatMap(({ ports }) => ports!.map(({ port }) => port));

describeChart(helm ? 'network policies' : `network policies (${howToInstall})`, () => {
  it('close every pod in both directions, except for DNS, metrics and health', () => {
    const base = named('trade-tradecore', policies)['spec']!;
    expect(base['policyTypes']).toEqual(['Ingress', 'Egress']);
    const ports = [{ port: 'admin', protocol: 'TCP' }];
    const fromTest = { podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'test' }) } };
    expect(base['ingress']).toEqual([{ ports, from: [fromTest] }]);
    const scraped = named('desk', ofKind('NetworkPolicy', manifests('full')))['spec']!;
    const scraper = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } };
    expect(scraped['ingress']).toEqual([{ ports, from: [fromTest, scraper] }]);
    expect(base['egress']).toEqual([
      {
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      },
    ]);
    const selected = Object.entries(base['podSelector']!['matchLabels']!);
    const pods = all.filter(({ kind }) => ['Deployment', 'Job'].includes(kind!)).map((each) => each['spec']!['template']!);
    expect(pods).toHaveLength(deployed.length + 1);
    for (const pod of [...pods, named('trade-tradecore-ready', all)]) {
      expect(Object.entries(pod['metadata']!['labels']!)).toEqual(expect.arrayContaining(selected));
    }
  });

  it('let each service connect only to the servers in its settings', () => {
    for (const deployment of ofKind('Deployment', all)) {
      const component = componentOf(deployment);
      const settings = env(podOf(deployment));
      expect([component, ...egress(component)]).toEqual([
        component,
        ...(component === 'paper-broker' ? [] : [9092]),
        ...(settings.has('DATABASE_URL') ? [5432] : []),
        ...(settings.has('REDIS_URL') ? [6379] : []),
        ...(['command-api', 'query-api'].includes(component) ? [443] : []),
        ...(settings.has('BROKER_URL') ? ['http'] : []),
      ]);
    }
    expect(egress('migrator')).toEqual([5432, 9092]);
  });

  it('open the APIs, and the paper broker only to the gateway', () => {
    const open = deployed.filter((component) => policyOf(component)['ingress'] !== undefined);
    expect(open.sort()).toEqual(['command-api', 'paper-broker', 'query-api']);
    expect(policyOf('query-api')['ingress']).toEqual([{ ports: [{ port: 'http', protocol: 'TCP' }] }]);
    const [rule] = policyOf('paper-broker')['ingress']!;
    expect(rule!['from']).toEqual([
      { podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'broker-gateway' }) } },
    ]);
  });

  it('follow the addresses unless values override them', () => {
    const ports = (...more: string[]) => {
      const of = ofKind('NetworkPolicy', manifests('full', ...more));
      return named('desk-broker-gateway', of)['spec']!['egress']!;
    };
    const allowed = (rules: Json): unknown[] => rules.map((rule) => rule['ports']!.map(({ port }) => port));
    expect(allowed(ports())).toEqual([[9092], [6432], [443]]);
    expect(allowed(ports('--set', 'broker.streamUrl=wss://stream:8443', '--set', 'networkPolicies.ports.kafka={9094}'))).toEqual([
      [9094],
      [6432],
      [443, 8443],
    ]);
    const [, rule] = ports('--set', 'networkPolicies.to.postgres[0].ipBlock.cidr=10.20.0.0/16');
    expect(rule!['to']).toEqual([{ ipBlock: { cidr: '10.20.0.0/16' } }]);
  });

  it('are left out on demand', () => {
    expect(ofKind('NetworkPolicy', manifests('minimal', '--set', 'networkPolicies.enabled=false'))).toEqual([]);
  });
});

describeChart(helm ? 'helm test' : `helm test (${howToInstall})`, () => {
  const tests = (values: string, ...more: string[]) =>
    ofKind('Pod', manifests(values, ...more)).map((each) => each['metadata']!['name']!);

  it('trades if it has a token, and never at a real broker', () => {
    const token = ['--set', 'helmTest.tokenSecret=tester'];
    expect(tests('minimal')).toEqual(['trade-tradecore-ready']);
    expect(tests('minimal', ...token).sort()).toEqual(['trade-tradecore-ready', 'trade-tradecore-trade']);
    expect(tests('full', ...token)).toEqual(['desk-ready']);
  });
});

describeChart(helm ? 'the books of the paper broker' : `the books of the paper broker (${howToInstall})`, () => {
  const claims = (...more: string[]) => {
    const made = manifests('minimal', ...more);
    const pod = podOf(named('trade-tradecore-paper-broker', ofKind('Deployment', made)));
    return { made: ofKind('PersistentVolumeClaim', made).length, state: pod['volumes']!.find(({ name }) => name === 'state') };
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
