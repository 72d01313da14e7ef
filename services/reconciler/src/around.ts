import { Inject, Injectable } from '@nestjs/common';
import { tokens } from '@tradecore/service';
import { DataSource } from 'typeorm';
import { Findings } from './findings.ts';
import { Lead } from './lead.ts';
import type { ReconcilerConfig } from './reconciler.config.ts';

/** Where a check reads, and where it writes. */
@Injectable()
export class Around {
  constructor(
    @Inject(DataSource) readonly dataSource: DataSource,
    @Inject(tokens.config) readonly config: ReconcilerConfig,
    @Inject(Lead) readonly lead: Lead,
    @Inject(Findings) readonly findings: Findings,
  ) {}
}
