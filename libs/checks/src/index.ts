export { compareAll, compareUntilAgreed } from './compare.ts';
export { endHere, isSameEnd } from './ends.ts';
export { readStore } from './facts.ts';
export { isSettled, logBegan, publishedLate, withoutGivenUp, type PlacedRecord } from './incidents.ts';
export { isUneven } from './money.ts';
export { agrees, disagreements, printed, tableOf, type Line } from './line.ts';
export { schemasOf, type Kind } from './groups.ts';
export { CopyOfLive, givenUpLimit, resume, type Resumption, type ResumeOptions } from './resume.ts';
export { exportedViews, feedTypes } from './views.ts';
export type { AtBrokerage, BrokerageFill, Database, ReadModels, TopicRecord, TopicSeen, Witnesses } from './witnesses.ts';
export {
  bucketAgrees,
  bucketAt,
  bucketMs,
  Buckets,
  type Bucket,
  type ComparedEvent,
  type RecordPlace,
} from './topics/buckets.ts';
export { DeliveryOrder } from './topics/delivery-order.ts';
export { digested, topicFaultsOf, type DigestedRecord, type ReadById, type TopicFault } from './topics/topic-faults.ts';
export { modelFaultOf, reservationFaults, type ModelFault, type ModelRow } from './models/model-faults.ts';
export {
  brokenFeeds,
  comparedModels,
  missingInFeed,
  modelRows,
  type ComparedModel,
  type FeedFault,
} from './models/model-rows.ts';
export { TooManyNotices, untoldNotices } from './untold.ts';
export { bookedLate, orphansBetween, orphansNow, type Orphan } from './orphans.ts';
