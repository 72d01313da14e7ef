import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export { openMetricsFaults } from './open-metrics.ts';

/** The parts of an OTLP JSON span that tests check. */
export interface Span {
  /** The name of the process, as in OTEL_SERVICE_NAME. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** The spans that it is linked to, as `trace/span`. */
  readonly links: readonly string[];
  /** The text of its SQL; absent unless the span is a statement. */
  readonly sql?: string;
}

/** Receives spans for tests. */
export interface Collector {
  /** Settings that make a process send its spans here quickly. */
  readonly env: Readonly<Record<string, string>>;
  /** All spans received so far. */
  readonly spans: readonly Span[];
  close(): void;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface Exported {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, 'service' | 'sql' | 'links'> & {
        attributes: Attribute[];
        links?: { traceId: string; spanId: string }[];
      })[];
    }[];
  }[];
}

const valueOf = (attributes: readonly Attribute[], name: RegExp): string | undefined =>
  attributes.find(({ key }) => name.test(key))?.value.stringValue;

function spansOf({ resourceSpans = [] }: Exported): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = valueOf(resource.attributes, /^service\.name$/) ?? '';
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, attributes, links: linked = [] }) => {
        const sql = valueOf(attributes, /^db\.(statement|query\.text)$/);
        const links = linked.map((each) => `${each.traceId}/${each.spanId}`);
        return {
          service,
          traceId,
          spanId,
          name,
          links,
          ...(parentSpanId && { parentSpanId }),
          ...(sql !== undefined && { sql }),
        };
      }),
    );
  });
}

/** Receives OTLP over HTTP as JSON, on a free port. */
export async function startCollector(): Promise<Collector> {
  const spans: Span[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    spans.push(...spansOf(JSON.parse(text) as Exported));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  // A test that fails before it closes the server still ends.
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
    spans,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
