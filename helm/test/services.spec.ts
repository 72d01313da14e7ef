import {
  componentOf,
  describeChart,
  env,
  isService,
  manifests,
  named,
  ofKind,
  podOf,
  workloads,
  worlds,
  type Json,
  type World,
} from './render.ts';

const all = Object.keys(worlds) as World[];

describeChart('pods', () => {
  it.each(all)('need no more than Pod Security restricted allows: %s', (world) => {
    const found = workloads(manifests(world));
    expect(found.length).toBeGreaterThan(12);
    const faults = found.flatMap((workload) => {
      const pod = podOf(workload);
      const of = pod['securityContext']!;
      const isRestricted = `${of['runAsNonRoot']}` === 'true' && of['seccompProfile']!['type'] === 'RuntimeDefault';
      const containers = [...pod['containers']!, ...(pod['initContainers'] ?? [])].filter((each) => {
        const { allowPrivilegeEscalation, capabilities, privileged } = each['securityContext']!;
        return `${allowPrivilegeEscalation}` !== 'false' || !`${capabilities!['drop']}`.includes('ALL') || privileged;
      });
      return isRestricted && containers.length === 0 ? [] : [componentOf(workload)];
    });
    expect(faults).toEqual([]);
  });

  it('have an account of their own without a token, a read-only root and a memory limit', () => {
    const rendered = manifests('zero');
    const accounts = ofKind('ServiceAccount', rendered);
    expect(accounts.filter((each) => `${each['automountServiceAccountToken']}` !== 'false')).toEqual([]);
    for (const workload of workloads(rendered)) {
      const pod = podOf(workload);
      expect(pod['serviceAccountName']).toBe(`trade-tradecore-${componentOf(workload)}`);
      expect(() => named(pod['serviceAccountName']!, accounts)).not.toThrow();
      expect(pod['automountServiceAccountToken']).toBe(false);
      for (const container of [...pod['containers']!, ...(pod['initContainers'] ?? [])]) {
        expect([container['name'], container['securityContext']!['readOnlyRootFilesystem']]).toEqual([container['name'], true]);
        expect(container['resources']!['limits']).toHaveProperty('memory');
      }
    }
  });

  it('can be given to OpenShift, which chooses the user', () => {
    const { securityContext } = podOf(named('desk-command-api', ofKind('Deployment', manifests('full'))));
    expect(securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  });
});

describeChart('services', () => {
  const deployments = (world: World, ...more: string[]) => ofKind('Deployment', manifests(world, ...more)).filter(isService);

  it('log in as themselves, and get no other password', () => {
    for (const deployment of deployments('external')) {
      const service = componentOf(deployment);
      const variables = env(podOf(deployment));
      const loginLess = ['gateway', 'notifier'].includes(service);
      expect([service, variables.has('DATABASE_URL'), variables.has('PGPASSWORD')]).toEqual([service, !loginLess, !loginLess]);
      expect(variables.has('REDIS_URL')).toBe(/-(api|projector)$/.test(service));
      if (loginLess) continue;
      const trust = 'sslmode=verify-full&sslrootcert=/run/servers/postgres-ca.crt';
      const url = `postgres://tradecore_${service.replaceAll('-', '_')}@db.example.com:5432/tradecore?${trust}`;
      expect(variables.get('DATABASE_URL')!['value']).toBe(url);
      expect(variables.get('PGPASSWORD')!['valueFrom']).toEqual({ secretKeyRef: { name: 'logins', key: service } });
    }
  });

  it('execute on paper if no brokerage is named, with keys that both sides know', () => {
    const deployed = deployments('zero');
    const gateway = env(podOf(named('trade-tradecore-broker-gateway', deployed)));
    const paper = env(podOf(named('trade-tradecore-paper-broker', deployed)));
    expect(gateway.get('BROKER')!['value']).toBe('paper');
    expect(gateway.get('BROKER_URL')!['value']).toBe('http://trade-tradecore-paper-broker');
    expect(gateway.has('BROKER_STREAM_URL')).toBe(false);
    for (const key of ['KEY_ID', 'SECRET_KEY'])
      expect(gateway.get(`BROKER_${key}`)!['valueFrom']).toEqual(paper.get(`PAPER_${key}`)!['valueFrom']);
  });

  it('execute at the brokerage of the values, whose keys only its gateway sees, and then there is no paper broker', () => {
    const rendered = manifests('full');
    const gateway = env(podOf(named('desk-broker-gateway', ofKind('Deployment', rendered))));
    expect(gateway.get('BROKER_URL')!['value']).toBe('https://paper-api.alpaca.markets');
    expect(gateway.get('BROKER_SECRET_KEY')!['valueFrom']).toEqual({ secretKeyRef: { name: 'desk-alpaca', key: 'secret' } });
    expect(rendered.filter((each) => each['metadata']!['name']!.endsWith('paper-broker'))).toEqual([]);
    const others = ofKind('Deployment', rendered).filter((each) => componentOf(each) !== 'broker-gateway');
    expect(others.filter((each) => JSON.stringify(each).includes('desk-alpaca'))).toEqual([]);
  });

  it('take tokens of the bundled issuer over TLS, whose private key only the issuer and helm test see', () => {
    const rendered = manifests('zero');
    const door = env(podOf(named('trade-tradecore-command-api', ofKind('Deployment', rendered))));
    expect(door.get('JWT_JWKS_URL')!['value']).toMatch(/^https:\/\/trade-tradecore-token-issuer\.trading\.svc\//);
    expect(door.get('NODE_EXTRA_CA_CERTS')!['value']).toBe('/run/issuer/tls.crt');
    const seeing = (key: string) => workloads(rendered).filter((each) => JSON.stringify(podOf(each)).includes(`"key":"${key}"`));
    expect([...new Set(seeing('signing-key').map(componentOf))].sort()).toEqual(['test', 'token-issuer']);
    expect(seeing('tls.key').map(componentOf)).toEqual(['token-issuer']);
  });

  it('stop no sooner than they may take to drain', () => {
    for (const deployment of deployments('external')) {
      const pod = podOf(deployment);
      const drain = Number(env(pod).get('STOP_LIMIT')!['value']) / 1000;
      const sleep = Number(pod['containers']![0]!['lifecycle']?.['preStop']!['sleep']!['seconds'] ?? 0);
      expect(Number(pod['terminationGracePeriodSeconds'])).toBeGreaterThan(sleep + drain);
    }
  });

  it('of several replicas are protected from a drain, and one of a single replica never blocks it', () => {
    const protectedOnes = (world: World) => ofKind('PodDisruptionBudget', manifests(world)).map(componentOf);
    expect(protectedOnes('zero')).toEqual([]);
    expect(protectedOnes('ha').sort()).toEqual([...deployments('ha').map(componentOf), 'redpanda'].sort());
  });

  it('are left out on demand', () => {
    const rendered = manifests('zero', '--set', 'services.feed-projector.enabled=false');
    expect(rendered.filter((each) => each['metadata']!['name']!.endsWith('feed-projector'))).toEqual([]);
  });

  it('are scaled by CPU, by what waits where KEDA is there, or by an autoscaler of yours', () => {
    const rendered = manifests('full');
    const [byLag] = ofKind('ScaledObject', rendered);
    const [byCpu] = ofKind('HorizontalPodAutoscaler', rendered);
    expect([byLag!['spec']!['scaleTargetRef']!['name'], byCpu!['spec']!['scaleTargetRef']!['name']]).toEqual([
      'desk-order-projector',
      'desk-account-projector',
    ]);
    const unsaid = ofKind('Deployment', rendered).filter(({ spec }) => !('replicas' in spec!));
    expect(unsaid.map(componentOf).sort()).toEqual(['account-projector', 'order-projector', 'query-api']);
    const without = manifests('full', '--set', 'autoscaling.prometheus=');
    expect([ofKind('ScaledObject', without).length, ofKind('HorizontalPodAutoscaler', without).length]).toEqual([0, 2]);
  });

  it('load telemetry only when spans have somewhere to go', () => {
    const args = (world: World) => deployments(world).flatMap((each) => podOf(each)['containers']![0]!['args']?.join(' ') ?? []);
    expect(args('external').filter((each) => each.includes('telemetry'))).toEqual([]);
    const fleet = args('full').filter((each) => each.includes('services/'));
    expect(fleet.filter((each) => !each.startsWith('--import @tradecore/telemetry/start '))).toEqual([]);
  });

  it('are reached by a route that sends reads and the stream to query-api and everything else to command-api', () => {
    const rules = named('desk', ofKind('HTTPRoute', manifests('full')))['spec']!['rules']!;
    expect(rules).toEqual([
      {
        matches: [
          { method: 'GET' },
          { method: 'HEAD' },
          { path: { type: 'PathPrefix', value: '/v1/stream' } },
          { path: { type: 'Exact', value: '/v1/stream-tickets' } },
        ],
        backendRefs: [{ name: 'desk-query-api', port: 80 }],
      },
      { backendRefs: [{ name: 'desk-command-api', port: 80 }] },
    ]);
  });

  it("are reached by an Ingress through the gateway, for an Ingress can't choose by method", () => {
    const rendered = manifests('zero', '--set', 'ingress.enabled=true,ingress.hosts={trade.example.com}');
    const [{ spec }] = ofKind('Ingress', rendered) as [Json];
    expect(spec!['rules']![0]!['host']).toBe('trade.example.com');
    expect(spec!['rules']![0]!['http']!['paths']![0]!['backend']).toEqual({
      service: { name: 'trade-tradecore-gateway', port: { name: 'http' } },
    });
  });
});
