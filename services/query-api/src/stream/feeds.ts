import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '@tradecore/service';
import type { FeedPosition } from '@tradecore/read-models';
import { Access } from '../access.ts';
import { FeedPump, type FeedReader } from './feed-pump.ts';
import { Revocations, type Revoked } from './revocations.ts';

/** Feeds for streams, and whether a caller may read them. */
@Injectable()
export class Feeds {
  constructor(
    @Inject(FeedPump) private readonly pump: FeedPump,
    @Inject(Access) private readonly access: Access,
    @Inject(Revocations) private readonly revocations: Revocations,
  ) {}

  /** Calls `handle` for each revoked access, perhaps more than once. */
  followRevocations(handle: (revoked: Revoked) => void): void {
    this.revocations.follow(handle);
  }

  /** Whether the caller may now read the account. */
  may(caller: Caller, accountId: string): Promise<boolean> {
    return this.access.may(caller, accountId);
  }

  /** The current end of an account's feed. */
  headOf(accountId: string): Promise<FeedPosition> {
    return this.pump.headOf(accountId);
  }

  /** Sends `reader` what follows its position until the returned function is called. */
  add(reader: FeedReader): () => void {
    return this.pump.add(reader);
  }
}
