import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { grafanaImage } from '../src/servers/grafana.ts';

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
  it('are Redpanda, its Console on 8090, PostgreSQL, Redis, Prometheus and Grafana', () => {
    expect(Object.keys(services).sort()).toEqual(['console', 'grafana', 'postgres', 'prometheus', 'redis', 'redpanda']);
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

  it('have the Grafana of npm start -- --watch', () => expect(services['grafana']?.image).toBe(grafanaImage));

  it('acknowledge what is written: Redpanda flushes, without write caching, and makes no topic by accident', () => {
    const command = services['redpanda']?.command ?? [];
    const set = command.filter((_, index) => command[index - 1] === '--set');
    expect(set.sort()).toEqual(['redpanda.auto_create_topics_enabled=false', 'redpanda.write_caching_default=false']);
    expect(command.filter((word) => /dev-container|bypass-fsync/.test(word))).toEqual([]);
  });
});
