/**
 * Loaded before the application, only if spans have a destination:
 * `node --import @tradecore/telemetry/start main.js` with OTEL_EXPORTER_OTLP_ENDPOINT (and OTEL_SERVICE_NAME) set.
 * No kafkajs instrumentation: it overwrites the `traceparent` of a record, and the relay's records carry their
 * request's.
 */
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { onFlush } from './flush.ts';

const sdk = new NodeSDK({
  metricReaders: [],
  logRecordProcessors: [],
  instrumentations: [
    new HttpInstrumentation({
      ignoreIncomingRequestHook: ({ url = '' }) => url.startsWith('/health/') || url === '/metrics',
      requireParentforOutgoingSpans: true,
    }),
    // Otherwise each poll and heartbeat would be a trace.
    new PgInstrumentation({ requireParentSpan: true }),
  ],
});
sdk.start();
onFlush(() => sdk.shutdown());
