import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { grafanaImage, settingsOf } from '../src/servers/grafana.ts';

interface Compose {
  readonly services: Record<
    string,
    {
      readonly image: string;
      readonly command?: string[];
      readonly ports?: string[];
      readonly network_mode?: string;
      readonly environment?: object;
    }
  >;
}

const { services } = parse(readFileSync(new URL('../../compose.yaml', import.meta.url), 'utf8')) as Compose;

describe('the servers in containers', () => {
  it('are Redpanda, its Console on 8090, PostgreSQL, Redis, Prometheus, Grafana and Jaeger', () => {
    const names = ['console', 'grafana', 'jaeger', 'postgres', 'prometheus', 'redis', 'redpanda'];
    expect(Object.keys(services).sort()).toEqual(names);
    expect(services['console']?.ports).toEqual(['127.0.0.1:8090:8080']);
  });

  it('have pinned tags, and doors on the loopback address only', () => {
    for (const { image, ports = [], network_mode, command, environment } of Object.values(services)) {
      expect(image).toMatch(/:v?\d+\.\d+/);
      expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
      if (network_mode === 'host')
        expect(JSON.stringify([command, environment])).toMatch(
          /--web.listen-address=127.0.0.1:|"GF_SERVER_HTTP_ADDR":"127.0.0.1"/,
        );
    }
  });

  it('have the Grafana of npm start -- --watch, with its settings', () => {
    expect(services['grafana']?.image).toBe(grafanaImage);
    const listens = services['prometheus']?.command?.find((word) => word.startsWith('--web.listen-address='));
    const prometheus = `http://${listens?.split('=')[1]}`;
    expect(services['grafana']?.environment).toEqual(settingsOf({ port: 19_030, prometheus }, '/tradecore'));
  });

  it('lead from a latency to its trace', () => {
    const file = new URL('../../grafana/provisioning/datasources/tradecore.yaml', import.meta.url);
    const { datasources } = parse(readFileSync(file, 'utf8')) as {
      datasources: { uid: string; type: string; jsonData?: object }[];
    };
    const [metrics, traces] = datasources;
    expect(metrics?.jsonData).toMatchObject({ exemplarTraceIdDestinations: [{ name: 'trace_id', datasourceUid: traces?.uid }] });
    expect(traces?.type).toBe('jaeger');
    const { TRACES_URL } = services['grafana']?.environment as { TRACES_URL: string };
    expect(services['jaeger']?.ports).toContain(`127.0.0.1:16686:${new URL(TRACES_URL).port}`);
  });

  it('acknowledge what is written: Redpanda flushes, without write caching, and makes no topic by accident', () => {
    const command = services['redpanda']?.command ?? [];
    const set = command.filter((_, index) => command[index - 1] === '--set');
    expect(set.sort()).toEqual(['redpanda.auto_create_topics_enabled=false', 'redpanda.write_caching_default=false']);
    expect(command.filter((word) => /dev-container|bypass-fsync/.test(word))).toEqual([]);
  });
});
