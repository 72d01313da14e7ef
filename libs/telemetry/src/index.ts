export {
  currentContext,
  extendContext,
  runInContext,
  traced,
  tracedBatch,
  type StepOptions,
  type WorkContext,
} from './context.ts';
export { activeTraceparent, childTraceparent, parseTraceparent } from './trace-context.ts';
export { describeProcess, logger, mask, setLogLevel, type Logger, type LogLevel, type ProcessDescription } from './logger.ts';
export {
  collectProcessMetrics,
  counter,
  declaredMetrics,
  delayBuckets,
  gauge,
  histogram,
  latencyBuckets,
  metricsPage,
  metricsPageType,
  setWhenRead,
  type Counter,
  type Declaration,
  type Gauge,
  type Histogram,
  type Labels,
  type MetricOptions,
} from './metrics.ts';
export { flushTelemetry, isTracing } from './flush.ts';
export { keepRefreshed } from './table-gauges.ts';
export { heartbeat, stuckLoops, type Attempt } from './heartbeat.ts';
export { runningRelease } from './release.ts';
