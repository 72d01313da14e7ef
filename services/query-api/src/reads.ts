import { Inject, Injectable } from '@nestjs/common';
import type { Consistency } from '@tradecore/api';
import { ReadCache, type CachedRead, type ReadModel } from '@tradecore/read-models';
import type { Asked } from './asked.ts';
import { ConsistentReads, unknownToken, wantedOf } from './consistent-reads.ts';

/** Reads a read model: from the cache, or from PostgreSQL once it shows what the caller's token names. */
@Injectable()
export class Reads {
  constructor(
    @Inject(ReadCache) private readonly cache: ReadCache,
    @Inject(ConsistentReads) private readonly consistentReads: ConsistentReads,
  ) {}

  /** The result of `load`, or its cached equal; does not check the caller's access. */
  async of<T extends object>(
    asked: Asked,
    read: Omit<CachedRead<T>, 'wanted'>,
    load: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const token = await tokenOf(asked);
    return this.cache.read({ ...read, wanted: token ? versionWanted(read.model, read.id, token) : 0 }, () =>
      this.uncached(asked, read.model, load),
    );
  }

  /** The result of `load` once the model shows what the caller's token names; not cached. */
  async uncached<T>(asked: Asked, model: ReadModel, load: () => Promise<T>): Promise<T> {
    const token = await tokenOf(asked);
    if (token) await this.consistentReads.waitFor(model, token, asked.caller);
    return load();
  }
}

/** The caller's token. Refuses with 400 one of another epoch: its version names another state, or none. */
async function tokenOf({ headers: { 'consistency-token': token }, epoch }: Asked): Promise<Consistency | undefined> {
  if (token && token.epoch !== (await epoch)) throw unknownToken();
  return token;
}

/** A cached answer proves the version of its own aggregate only; for any other token it is never new enough. */
function versionWanted(model: ReadModel, id: string, token: Consistency): number {
  const { aggregateId, version } = wantedOf(model, token);
  return aggregateId === id ? version : Number.POSITIVE_INFINITY;
}
