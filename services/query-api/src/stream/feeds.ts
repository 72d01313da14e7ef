import { Inject, Injectable } from '@nestjs/common';
import { Access } from '../access.ts';
import { FeedPump } from './feed-pump.ts';
import { Revocations } from './revocations.ts';

/** Feeds for streams, and whether a caller may read them. */
@Injectable()
export class Feeds {
  constructor(
    @Inject(FeedPump) readonly pump: FeedPump,
    @Inject(Access) readonly access: Access,
    @Inject(Revocations) readonly revocations: Revocations,
  ) {}
}
