import { Inject, Injectable } from '@nestjs/common';
import type { Consistency } from '@tradecore/api';
import { ReadCache, type CachedRead, type ReadModel } from '@tradecore/read-models';
import type { Asked } from './asked.ts';
import { ConsistentReads, wantedOf } from './consistent-reads.ts';

/** What the caller is shown of a read model: from the cache, or from PostgreSQL once it shows what the caller's token names. */
@Injectable()
export class Reads {
  constructor(
    @Inject(ReadCache) private readonly cache: ReadCache,
    @Inject(ConsistentReads) private readonly consistentReads: ConsistentReads,
  ) {}

  /** What `load` reads, or its equal; the caller's right to it is checked elsewhere. */
  async of<T extends object>(
    asked: Asked,
    read: Omit<CachedRead<T>, 'wanted'>,
    load: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { 'consistency-token': token } = asked.headers;
    return this.cache.read({ ...read, wanted: token ? versionWanted(read.model, read.id, token) : 0 }, () =>
      this.uncached(asked, read.model, load),
    );
  }

  /** What `load` reads once the model shows what the caller's token names; nothing of it is kept. */
  async uncached<T>(
    { caller, headers: { 'consistency-token': token } }: Asked,
    model: ReadModel,
    load: () => Promise<T>,
  ): Promise<T> {
    if (token) await this.consistentReads.waitFor(model, token, caller);
    return load();
  }
}

/** An answer about one aggregate can be held against the token of that one; of any other it does not say what it shows. */
function versionWanted(model: ReadModel, id: string, token: Consistency): number {
  const { aggregateId, version } = wantedOf(model, token);
  return aggregateId === id ? version : Number.POSITIVE_INFINITY;
}
