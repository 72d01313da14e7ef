export { compareAll, compareUntilAgreed } from './compare.ts';
export { readStore } from './facts.ts';
export { agrees, printed, tableOf, type Line } from './line.ts';
export { exportedViews, feedTypes } from './views.ts';
export type { AtBrokerage, BrokerageFill, Database, ReadModels, TopicRecord, TopicSeen, Witnesses } from './witnesses.ts';
