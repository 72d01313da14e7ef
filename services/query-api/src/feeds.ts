import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '@tradecore/service';
import type { FeedPosition } from '@tradecore/read-models';
import { Access } from './access.ts';
import { FeedPump, type FeedReader } from './feed-pump.ts';

/** Feeds for streams, and whether a caller may read them. */
@Injectable()
export class Feeds {
  constructor(
    @Inject(FeedPump) private readonly pump: FeedPump,
    @Inject(Access) private readonly access: Access,
  ) {}

  /** Whether the account is, by now, one of the caller's. */
  may(caller: Caller, accountId: string): Promise<boolean> {
    return this.access.may(caller, accountId);
  }

  /** Where the feed of an account ends now. */
  headOf(accountId: string): Promise<FeedPosition> {
    return this.pump.headOf(accountId);
  }

  /** `reader` gets what follows its position until the returned function is called. */
  add(reader: FeedReader): () => void {
    return this.pump.add(reader);
  }
}
